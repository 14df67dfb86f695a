//! Loads from several nodes of Kubernetes, by the types of its published API.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Container, PodSpec, Service};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::support::Sandbox;

const IMAGE: &str = "registry.example/perfgate:0.1";

/// The documents that are written for a load from four nodes.
fn written(options: &[&str], load: &[&str]) -> Vec<Value> {
    let claim = ["--claim", "results"];
    written_to(&claim, options, load)
}

fn written_to(place: &[&str], options: &[&str], load: &[&str]) -> Vec<Value> {
    let own = ["kubernetes", "--workers", "4", "--image", IMAGE];
    let words = own
        .iter()
        .chain(place)
        .chain(options)
        .chain(&["--"])
        .chain(load);
    let run = Sandbox::new().run(words.copied()).exits(0);
    let documents = run.stdout.split("\n---\n").skip(1);
    let documents = documents.map(|it| serde_saphyr::from_str(it).expect("YAML"));
    documents.collect()
}

/// A document by the type that Kubernetes has for it; what the type does not know would be lost.
fn typed<T: DeserializeOwned + Serialize>(document: &Value) -> T {
    let typed: T = serde_json::from_value(document.clone()).expect("of that type");
    let again = serde_json::to_value(&typed).expect("JSON");
    assert_eq!(again, *document, "a field that Kubernetes does not have");
    typed
}

fn pod(job: &Job) -> &PodSpec {
    let spec = job.spec.as_ref().expect("a specification");
    spec.template.spec.as_ref().expect("a pod")
}

/// That a pod has no more rights than it needs.
fn is_confined(pod: &PodSpec) -> &Container {
    assert_eq!(pod.restart_policy.as_deref(), Some("Never"));
    assert_eq!(pod.automount_service_account_token, Some(false));
    let user = pod.security_context.as_ref().expect("a user");
    assert_eq!(user.run_as_non_root, Some(true));
    assert!(
        user.run_as_user > Some(0),
        "the image names its user, not its number"
    );
    let [container] = pod.containers.as_slice() else {
        panic!("{:?}", pod.containers);
    };
    let context = container.security_context.as_ref().expect("a context");
    assert_eq!(context.read_only_root_filesystem, Some(true));
    assert_eq!(context.allow_privilege_escalation, Some(false));
    let capabilities = context.capabilities.as_ref().and_then(|it| it.drop.clone());
    assert_eq!(capabilities, Some(vec!["ALL".to_owned()]));
    let resources = container.resources.as_ref().expect("resources");
    assert!(resources.requests.is_some());
    assert_eq!(resources.requests, resources.limits);
    container
}

#[test]
fn a_load_is_a_job_with_a_worker_for_each_node() {
    let load = [
        "http://app:8000/",
        "--rate",
        "50000/s",
        "-d",
        "30s",
        "-t",
        "2",
    ];
    let documents = written(&["--name", "peak"], &load);
    let [service, job] = documents.as_slice() else {
        panic!("{documents:?}");
    };
    let (service, job): (Service, Job) = (typed(service), typed(job));
    let spec = job.spec.as_ref().expect("a specification");
    assert_eq!(spec.completion_mode.as_deref(), Some("Indexed"));
    assert_eq!((spec.completions, spec.parallelism), (Some(4), Some(4)));
    assert_eq!(spec.backoff_limit, Some(0));
    assert_eq!(spec.active_deadline_seconds, Some(300 + 30 + 2 + 300));
    let pod = pod(&job);
    let container = is_confined(pod);
    assert_eq!(container.image.as_deref(), Some(IMAGE));
    let words = container.args.clone().expect("arguments");
    let (of_user, own) = words[1..].split_at(load.len());
    assert_eq!(words[0], "load");
    assert_eq!(of_user, load);
    assert_eq!(
        own,
        [
            "--worker=auto",
            "--coordinator=peak-0.peak:7070",
            "--wait=300s",
            "--out=/results/peak/$(JOB_COMPLETION_INDEX)/load.json",
        ]
    );
    let environment = container.env.clone().expect("an environment");
    assert_eq!(environment[0].name, "PERFGATE_WORKERS");
    assert_eq!(environment[0].value.as_deref(), Some("4"));
    // The name at which the workers meet is that of the first pod in the service.
    let service = service.spec.expect("a specification");
    assert_eq!(pod.subdomain.as_deref(), Some("peak"));
    assert_eq!(service.cluster_ip.as_deref(), Some("None"));
    let of_job = BTreeMap::from([("job-name".to_owned(), "peak".to_owned())]);
    assert_eq!(service.selector, Some(of_job));
    assert_eq!(service.ports.expect("ports")[0].port, 7070);
    let affinity = pod
        .affinity
        .as_ref()
        .and_then(|it| it.pod_anti_affinity.as_ref());
    let terms = affinity.and_then(|it| {
        it.required_during_scheduling_ignored_during_execution
            .as_ref()
    });
    let term = &terms.expect("nodes apart")[0];
    assert_eq!(term.topology_key, "kubernetes.io/hostname");
    let apart = term
        .label_selector
        .as_ref()
        .and_then(|it| it.match_labels.as_ref());
    let labels = spec
        .template
        .metadata
        .as_ref()
        .and_then(|it| it.labels.as_ref());
    let (name, value) = apart.and_then(|it| it.iter().next()).expect("a label");
    assert_eq!(labels.expect("labels").get(name), Some(value));
    let volumes = pod.volumes.as_ref().expect("volumes");
    let claim = volumes[0]
        .persistent_volume_claim
        .as_ref()
        .expect("a claim");
    assert_eq!(claim.claim_name, "results");
}

#[test]
fn the_words_of_a_pod_are_words_that_perfgate_takes() {
    let load = ["http://app:8000/", "-H", "A: $(B)", "--rate", "10/s"];
    let documents = written(&[], &load);
    let job: Job = typed(&documents[1]);
    let words = pod(&job).containers[0].args.clone().expect("arguments");
    // As Kubernetes puts variables into them.
    let words = words.iter().map(|it| {
        it.replace("$$(", "\u{0}")
            .replace("$(JOB_COMPLETION_INDEX)", "0")
    });
    let words: Vec<String> = words.map(|it| it.replace('\u{0}', "$(")).collect();
    assert!(words.contains(&"A: $(B)".to_owned()), "{words:?}");
    let sandbox = Sandbox::new()
        .env("JOB_COMPLETION_INDEX", "9")
        .env("PERFGATE_WORKERS", "4");
    let run = sandbox.run(words.iter().map(String::as_str));
    run.exits(2).complains("--worker").complains("auto");
}

#[test]
fn the_job_that_merges_reads_what_the_workers_write() {
    let documents = written(&["--merge"], &["http://app:8000/", "--rate", "10/s"]);
    let [job] = documents.as_slice() else {
        panic!("{documents:?}");
    };
    let job: Job = typed(job);
    let container = is_confined(pod(&job));
    let words = container.args.clone().expect("arguments");
    let all = "/results/perfgate-load/all.json";
    assert_eq!(words, ["merge", "/results/perfgate-load", "--json", all]);
    let volumes = pod(&job).volumes.as_ref().expect("volumes");
    assert!(volumes[0].persistent_volume_claim.is_some());
}

#[test]
fn results_may_lie_in_a_bucket() {
    let bucket = ["--bucket", "s3://runs/peak", "--secret", "runs-access"];
    let load = ["http://app:8000/", "--rate", "10/s"];
    let documents = written_to(&bucket, &["--name", "seven"], &load);
    let job: Job = typed(&documents[1]);
    let merge: Job = typed(&written_to(&bucket, &["--name", "seven", "--merge"], &load)[0]);
    for job in [&job, &merge] {
        let container = is_confined(pod(job));
        assert!(pod(job).volumes.is_none() && container.volume_mounts.is_none());
        let variables = container.env_from.as_ref().expect("variables");
        let secret = variables[0].secret_ref.as_ref().expect("a secret");
        assert_eq!(secret.name, "runs-access");
    }
    let words = pod(&job).containers[0].args.clone().expect("arguments");
    let out = "--out=s3://runs/peak/seven/$(JOB_COMPLETION_INDEX)/load.json";
    assert_eq!(words.last().map(String::as_str), Some(out));
    let words = pod(&merge).containers[0].args.clone().expect("arguments");
    let all = "s3://runs/peak/seven/all.json";
    assert_eq!(words, ["merge", "s3://runs/peak/seven", "--json", all]);
    let refused = |options: &[&'static str], why: &str| {
        let own = ["kubernetes", "--workers", "4", "--image", IMAGE];
        let words = own.iter().chain(options).chain(&["--", "http://app:8000/"]);
        Sandbox::new().run(words.copied()).exits(2).complains(why);
    };
    refused(&[], "--claim");
    refused(&["--bucket", "s3://runs/peak"], "--secret");
    refused(
        &["--bucket", "git:runs", "--secret", "a"],
        "`s3://BUCKET/PREFIX`",
    );
}
