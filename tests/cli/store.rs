//! The branch that baselines are kept on, and a remote that fails, refuses or changes meanwhile.

use std::fs;
use std::path::Path;

use crate::healthy;
use crate::support::Sandbox;

const BRANCH: &str = "git:perfgate-baselines";

fn pushed() -> (Sandbox, std::path::PathBuf) {
    let sandbox = healthy()
        .file(".gitignore", ".perfgate\nbin\nonce\n")
        .committed();
    let remote = sandbox.pushed();
    (sandbox, remote)
}

/// Lets a script of the remote decide on whatever is pushed.
fn hooked(sandbox: Sandbox, script: &str) -> Sandbox {
    sandbox.program(".git/remote.git/hooks/pre-receive", script)
}

fn kept_aside(sandbox: &Sandbox) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(sandbox.path(".perfgate"))
        .into_iter()
        .flatten();
    let paths = entries.map(|it| it.expect("an entry").path());
    let is_kept = |path: &Path| {
        let name = path.file_name().expect("a name").to_string_lossy();
        name.starts_with("not-stored-")
    };
    paths.filter(|path| is_kept(path)).collect()
}

#[test]
fn what_cannot_be_pushed_is_kept_with_the_command_that_stores_it() {
    let (sandbox, _) = pushed();
    let sandbox = hooked(sandbox, "echo 'the disk is full' >&2; exit 1");
    let refresh = ["baseline", "refresh", "--store", BRANCH];
    let run = sandbox.run(refresh);
    assert_ne!(run.code, Some(0), "{}", run.stderr);
    let [kept] = &kept_aside(&sandbox)[..] else {
        panic!("{}", run.stderr)
    };
    let kept = kept.display().to_string();
    let command = format!("`perfgate baseline refresh --measurement {kept} --store {BRANCH}`");
    run.complains(&command);

    let sandbox = hooked(sandbox, "exit 0");
    let show = ["baseline", "show", "--store", BRANCH];
    sandbox.run(show).exits(0).prints("nothing is stored");
    let store = [&refresh[..], &["--measurement", &kept]].concat();
    sandbox.run(store).exits(0).prints("sample health: stored");
    sandbox.run(show).exits(0).prints("1 in all");
}

#[test]
fn a_branch_that_is_rewritten_while_it_is_read_is_read_again() {
    let (sandbox, remote) = pushed();
    let refresh = ["baseline", "refresh", "--store", BRANCH];
    sandbox.run(refresh).exits(0);
    let of_remote = format!("--git-dir={}", remote.display());
    let git = |words: &[&str]| sandbox.git(&[&[of_remote.as_str()], words].concat());
    let elsewhere = ["baseline", "refresh", "--store", "git:other"];
    sandbox.run(elsewhere).exits(0);
    let new = git(&["rev-parse", "other"]);
    // The remote gives the tree first. The files in it are gone by the time that they are asked for.
    git(&["config", "uploadpack.allowFilter", "true"]);
    let once = sandbox.path("once").display().to_string();
    let remote = remote.display();
    let others = std::env::var("PATH").expect("a path");
    let script = format!(
        "export PATH={others}
git \"$@\" || exit $?
case \" $* \" in *' fetch '*)
    if [ ! -e {once} ]; then
        touch {once}
        git --git-dir={remote} update-ref refs/heads/perfgate-baselines {new}
        git --git-dir={remote} reflog expire --expire=now --all
        git --git-dir={remote} gc --quiet --prune=now
    fi
esac"
    );
    let sandbox = sandbox.program("bin/git", &script);
    sandbox.git(&["reflog", "expire", "--expire=now", "--all"]);
    sandbox.git(&["gc", "--quiet", "--prune=now"]);
    let path = format!("{}:{others}", sandbox.path("bin").display());
    let sandbox = sandbox.env("PATH", &path);
    sandbox
        .run(["baseline", "show", "--store", BRANCH])
        .exits(0)
        .prints("sample health: 1 good runs of the newest key, 1 in all");
    assert!(sandbox.path("once").exists(), "nothing was rewritten");
}

#[test]
fn a_check_beside_its_base_does_not_need_the_store() {
    let (sandbox, _) = pushed();
    sandbox.git(&[
        "remote",
        "set-url",
        "origin",
        "http://127.0.0.1:9/nothing.git",
    ]);
    let check = ["check", "--against", "HEAD", "--baseline", BRANCH];
    let run = sandbox.run(check);
    assert_ne!(run.code, Some(4), "{}", run.stderr);
    run.prints("duet strategy against")
        .prints("stored runs could not be read, and nothing was compared with them");
    // Nothing else is there to compare with.
    let alone = ["check", "--strategy", "stored", "--baseline", BRANCH];
    sandbox.run(alone).exits(4).complains("127.0.0.1");
    // Nor does what was measured so need it when it is judged again, or a bucket.
    let unread = "stored runs could not be read, and nothing was compared with them";
    let saved = [&check[..], &["--save", "saved.json"]].concat();
    sandbox.run(saved);
    let again = ["check", "--measurement", "saved.json", "--baseline", BRANCH];
    sandbox.run(again).prints(unread);
    let sandbox = sandbox
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", "us-east-1");
    let check = ["check", "--against", "HEAD", "--baseline", "s3://runs/shop"];
    let run = sandbox.run(check);
    assert_ne!(run.code, Some(4), "{}", run.stderr);
    run.prints("duet strategy against").prints(unread);
}
