//! What the help of a command ends with.

pub(super) const CHECK: &str = "Examples:
  perfgate check
  perfgate check --server gunicorn --endpoint movies
  perfgate check --against v1.2.0 --json report.json --junit junit.xml
  perfgate check --against-image gunicorn=shop:1.2 --server gunicorn
  perfgate check --strategy stored --require-baseline
  perfgate check --as gunicorn movies --measurement wrk.txt";

pub(super) const RUN: &str = "Examples:
  perfgate run --json new.json
  perfgate run --server gunicorn --endpoint movies";

pub(super) const RANK: &str = "Examples:
  perfgate rank --endpoint health movies
  perfgate rank --behind caddy --html ranking.html";

pub(super) const COMPARE: &str = "Examples:
  perfgate compare old.json new.json
  perfgate compare 1.json 2.json 3.json 4.json 5.json new.json
  perfgate compare --as gunicorn movies old-wrk.txt new-wrk.txt";

pub(super) const MERGE: &str = "Examples:
  perfgate check --shard 1/3 --save shards/1/measurement.json
  perfgate merge shards --json report.json
  perfgate merge load-1.json load-2.json load-3.json";

pub(super) const KUBERNETES: &str = "Examples:
  perfgate kubernetes --workers 4 --image registry.example/perfgate:1 --claim results -- http://app:8000/ --rate 50000/s
  perfgate kubernetes --workers 4 --image registry.example/perfgate:1 --claim results --merge -- http://app:8000/ --rate 50000/s";

pub(super) const BISECT: &str = "Examples:
  perfgate bisect --good v1.2.0 --bad HEAD
  perfgate bisect --good 3f2c1ab --server gunicorn --endpoint movies --metric latency_p50
  perfgate bisect --from-history --report culprit.html

Exits with 0 where nothing regressed, with 1 where something did, and with 5 where the checks cannot decide.";

pub(super) const CALIBRATE: &str = "Examples:
  perfgate calibrate --quick
  perfgate calibrate --server gunicorn --html calibration.html
  perfgate calibrate --sizes 2%,5% --checks 20 --injected 10
  perfgate calibrate --write";

pub(super) const REFRESH: &str = "Examples:
  perfgate baseline refresh --runs 10
  perfgate baseline refresh --as gunicorn movies --measurement 1.txt 2.txt 3.txt 4.txt 5.txt";

pub(super) const REPORT: &str = "Examples:
  perfgate report report.json
  perfgate report report.json --format markdown
  perfgate report report.json --format openmetrics > metrics.txt";

pub(super) const EXPORT: &str = "Examples:
  perfgate run --json new.json
  perfgate export new.json --format hlog > new.hlog";

pub(super) const SCHEMA: &str = "Examples:
  perfgate schema report > report.schema.json
  perfgate schema config > perfgate.toml.schema.json";

pub(super) const COMPLETIONS: &str = "Examples:
  perfgate completions bash > ~/.local/share/bash-completion/completions/perfgate
  perfgate completions zsh > ~/.zfunc/_perfgate
  perfgate completions fish > ~/.config/fish/completions/perfgate.fish";

pub(super) const MAN: &str = "Examples:
  perfgate man > ~/.local/share/man/man1/perfgate.1
  perfgate man check > ~/.local/share/man/man1/perfgate-check.1";

pub(super) const SITE: &str = "Examples:
  perfgate site
  perfgate site --out public/perfgate --metric throughput latency_p99";
