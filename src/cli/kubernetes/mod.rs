//! A load from several machines as a Job of Kubernetes.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use clap::Parser;

use super::load;
use crate::config;
use crate::error::Error;
use crate::model::{Bucket, Store, exit_code};

/// Writes the manifest of a load from several nodes, for `kubectl apply -f -`: a Job with a pod for each worker, and
/// the Service for their discovery.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Number of pods that send the load, each on a different node.
    #[arg(long, value_name = "N")]
    workers: NonZeroUsize,
    /// Image of perfgate, built from its Dockerfile, in a registry that the nodes can reach.
    #[arg(long, value_name = "IMAGE", value_parser = image)]
    image: String,
    /// Volume claim for the results; several nodes must be able to write to it.
    #[arg(long, value_name = "NAME", value_parser = name, required_unless_present = "bucket")]
    claim: Option<String>,
    /// Bucket for the results instead of a volume: `s3://BUCKET/PREFIX`.
    #[arg(long, value_name = "ADDRESS", value_parser = bucket, conflicts_with = "claim", requires = "secret")]
    bucket: Option<Bucket>,
    /// Kubernetes secret with the variables `AWS_…` of the bucket.
    #[arg(long, value_name = "NAME", value_parser = name, requires = "bucket")]
    secret: Option<String>,
    /// Name of the Job and of the Service.
    #[arg(long, value_name = "NAME", default_value = "perfgate-load", value_parser = name)]
    name: String,
    /// Memory of a pod.
    #[arg(long, value_name = "QUANTITY", default_value = "512Mi", value_parser = quantity)]
    memory: String,
    /// Longest wait for all pods.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = crate::config::parse_duration)]
    wait: Duration,
    /// Write the Job that merges the results instead.
    #[arg(long)]
    merge: bool,
    /// URL and options of `perfgate load`.
    #[arg(last = true, value_name = "LOAD", required = true)]
    load: Vec<String>,
}

const JOB: &str = include_str!("job.yaml");
const MERGE: &str = include_str!("merge.yaml");
/// Where the workers meet.
const PORT: u16 = 7070;
/// Letters of a name: with a number and `-merge` it is the name of a machine, which has 63 at most.
const LONGEST_NAME: usize = 52;
/// Time for a pod beside waiting and sending: its image, its answers, its result.
const SPARE: Duration = Duration::from_secs(300);
/// Column of the arguments.
const INDENT: &str = "            ";

/// The words behind `--`, as `perfgate load` reads them.
#[derive(Debug, Parser)]
#[command(name = "perfgate load", no_binary_name = true)]
struct Words {
    #[command(flatten)]
    load: load::Args,
}

pub(super) fn run(args: &Args) -> Result<u8, Error> {
    print!("{}", manifest(args)?);
    Ok(exit_code::PASSED)
}

fn manifest(args: &Args) -> Result<String, Error> {
    let refuse = |reason: String| Error::Argument {
        argument: args.load.join(" "),
        reason,
    };
    let words = Words::try_parse_from(&args.load);
    let words = words.map_err(|error| refuse(first_line(&error.to_string())))?;
    words.load.in_a_pod().map_err(|why| refuse(why.into()))?;
    let timeout = args.wait + words.load.longest() + SPARE;
    let template = if args.merge { MERGE } else { JOB };
    let values = [
        ("VERSION", env!("CARGO_PKG_VERSION").to_owned()),
        ("WORKERS", args.workers.to_string()),
        ("TIMEOUT", timeout.as_secs().to_string()),
        ("PORT", PORT.to_string()),
        ("CPUS", quoted(&words.load.threads().to_string())),
        ("MEMORY", quoted(&args.memory)),
        ("IMAGE", quoted(&args.image)),
        ("PLACE", args.place().to_owned()),
        ("RESULTS", quoted(&args.results())),
        ("JSON", quoted(&format!("{}/all.json", args.results()))),
        ("NAME", args.name.clone()),
    ];
    let template = parts(args)
        .into_iter()
        .fold(template.to_owned(), |text, (mark, lines)| {
            text.replace(&format!("{{{{{mark}}}}}\n"), &lines)
        });
    let filled = values.into_iter().fold(template, |text, (mark, value)| {
        text.replace(&format!("{{{{{mark}}}}}"), &value)
    });
    // Last, because words of the user may hold any mark.
    Ok(filled.replace("{{ARGUMENTS}}\n", &arguments(args)))
}

impl Args {
    /// Where the results lie, as readers of the manifest call it.
    const fn place(&self) -> &'static str {
        if self.bucket.is_some() {
            "bucket"
        } else {
            "volume"
        }
    }

    /// The folder of this Job's results.
    fn results(&self) -> String {
        match &self.bucket {
            Some(bucket) => format!("{bucket}/{}", self.name),
            None => format!("/results/{}", self.name),
        }
    }
}

/// The lines of a pod by which it reaches the results.
fn parts(args: &Args) -> [(&'static str, String); 3] {
    let [variables, mounts, volumes] = match (&args.secret, &args.claim) {
        (Some(secret), _) => [
            format!("          envFrom:\n            - secretRef: {{ name: \"{secret}\" }}\n"),
            String::new(),
            String::new(),
        ],
        (None, claim) => [
            String::new(),
            "          volumeMounts:\n            - { name: results, mountPath: /results }\n"
                .to_owned(),
            format!(
                "      volumes:\n        - name: results                   # of a class that several nodes can write to \
                 (ReadWriteMany)\n          persistentVolumeClaim: {{ claimName: \"{}\" }}\n",
                claim.as_deref().unwrap_or_default()
            ),
        ],
    };
    [
        ("VARIABLES", variables),
        ("MOUNTS", mounts),
        ("VOLUMES", volumes),
    ]
}

/// What a pod runs, one word a line. A dollar sign before a bracket stands for a variable.
fn arguments(args: &Args) -> String {
    let Args { name, wait, .. } = args;
    let own = [
        "--worker=auto".to_owned(),
        format!("--coordinator={name}-0.{name}:{PORT}"),
        format!("--wait={}s", wait.as_secs().max(1)),
    ];
    let escaped = args.load.iter().map(|it| it.replace("$(", "$$("));
    let words = std::iter::once("load".to_owned()).chain(escaped).chain(own);
    let out = format!("--out={}/$(JOB_COMPLETION_INDEX)/load.json", args.results());
    let lines = words
        .chain([out])
        .map(|it| format!("{INDENT}- {}\n", quoted(&it)));
    lines.collect()
}

/// A text as a scalar of YAML, which a string of JSON is.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

/// A name as Kubernetes has them (RFC 1123).
fn name(text: &str) -> Result<String, String> {
    let letter = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit();
    let is_inner = |it: char| letter(it) || it == '-';
    let ends = text.starts_with(|it: char| it.is_ascii_lowercase()) && text.ends_with(letter);
    if ends && text.chars().all(is_inner) && text.len() <= LONGEST_NAME {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "write small letters, digits and `-`, from a letter on, {LONGEST_NAME} at most"
        ))
    }
}

fn bucket(text: &str) -> Result<Bucket, String> {
    match config::parse_store(text, Path::new("."), "--bucket")? {
        Store::Bucket { bucket, .. } => Ok(bucket),
        Store::Folder(_) | Store::Branch { .. } => Err("write `s3://BUCKET/PREFIX`".into()),
    }
}

fn image(text: &str) -> Result<String, String> {
    let is_fine = |it: char| it.is_ascii_alphanumeric() || "-._/:@".contains(it);
    if text.starts_with(|it: char| it.is_ascii_alphanumeric()) && text.chars().all(is_fine) {
        Ok(text.to_owned())
    } else {
        Err("write an image such as registry.example/perfgate:1".into())
    }
}

fn quantity(text: &str) -> Result<String, String> {
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let is_unit = ["", "k", "M", "G", "Ki", "Mi", "Gi"].contains(&unit);
    let is_positive = number.parse::<u64>().is_ok_and(|it| it > 0);
    if is_unit && is_positive {
        Ok(text.to_owned())
    } else {
        Err("write a quantity of memory such as 512Mi".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    #[command(no_binary_name = true)]
    struct Whole {
        #[command(flatten)]
        args: Args,
    }

    fn written(words: &[&str]) -> Result<String, Error> {
        let own = [
            "--workers",
            "4",
            "--image",
            "perfgate:1",
            "--claim",
            "results",
        ];
        let words = own.iter().chain(words);
        manifest(&Whole::try_parse_from(words).expect("words").args)
    }

    #[test]
    fn words_of_the_load_are_refused_as_load_would() {
        let why = |words: &[&str]| written(words).expect_err("refused").to_string();
        assert!(why(&["--", "http://a/", "--rat", "1/s"]).contains("--rat"));
        assert!(why(&["--", "http://a/", "--body-file", "x"]).contains("no file of this machine"));
        let own = why(&["--", "http://a/", "--worker", "1/2", "--out", "x"]);
        assert!(own.contains("its own number"), "{own}");
    }

    #[test]
    fn words_of_the_user_are_texts_whatever_they_hold() {
        let header = "A: \"{{NAME}}\" $(HOSTNAME) # \\ {{ARGUMENTS}}";
        let text = written(&["--", "http://a/", "-H", header]).expect("a manifest");
        assert!(
            text.contains(r#"- "A: \"{{NAME}}\" $$(HOSTNAME) # \\ {{ARGUMENTS}}""#),
            "{text}"
        );
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for wrong in ["", "A", "a_b", "-a", "a-", "1a", "a b", &"a".repeat(53)] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
        assert_eq!(name("load-2"), Ok("load-2".into()));
        for wrong in ["", "0Mi", "1 Mi", "1Mi\n", "Mi"] {
            assert!(quantity(wrong).is_err(), "{wrong}");
        }
        assert!(image("a\nb").is_err() && image("-a").is_err());
    }
}
