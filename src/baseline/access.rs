//! What the environment says of the way to a bucket, in the variables of Amazon's own tools. The configuration says nothing
//! of it: whoever may change a configuration must not choose where credentials go.

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use url::Url;

use super::Fault;
use crate::dial::is_loopback;
use crate::model::Bucket;
use crate::secrets;

/// Variables that are handed on as they are.
const HANDED_ON: [&str; 17] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_STS",
    "AWS_VIRTUAL_HOSTED_STYLE_REQUEST",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    // Instance roles, where somebody asks for them: other machines would wait for nobody's answer.
    "AWS_METADATA_ENDPOINT",
    "AWS_REQUEST_PAYER",
];
const ALLOW_HTTP: &str = "AWS_ALLOW_HTTP";
/// Region of requests where nobody names one, as most stores beside Amazon's take it.
const REGION: &str = "us-east-1";

/// The way to a bucket.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) builder: AmazonS3Builder,
    /// What errors call the server.
    pub(super) endpoint: String,
    pub(super) region: String,
}

impl Access {
    /// The one that variables describe.
    pub(super) fn of(
        variables: impl Iterator<Item = (String, String)>,
        bucket: &Bucket,
    ) -> Result<Self, Fault> {
        let variables = variables.filter(|(_, value)| !value.is_empty());
        let variables: Vec<_> = variables.collect();
        let find = |name: &str| {
            let mut found = variables.iter().filter(|(it, _)| it == name);
            found.next_back().map(|(_, value)| value.as_str())
        };
        has_credentials(find)?;
        // By its name alone it would be no secret.
        find("AWS_ACCESS_KEY_ID")
            .into_iter()
            .for_each(secrets::know_secret);
        let region = find("AWS_REGION").or(find("AWS_DEFAULT_REGION"));
        let region = region.unwrap_or(REGION).to_owned();
        let endpoint = find("AWS_ENDPOINT_URL_S3").or(find("AWS_ENDPOINT_URL"));
        if let Some(endpoint) = endpoint {
            let is_allowed = find(ALLOW_HTTP).is_some_and(|it| it == "true" || it == "1");
            is_safe(endpoint, is_allowed)?;
        }
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&bucket.name)
            .with_region(&region)
            // Some compatible stores have no other way to delete.
            .with_config(AmazonS3ConfigKey::DisableBulkDelete, "true");
        for name in HANDED_ON {
            let key = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>();
            if let (Some(value), Ok(key)) = (find(name), key) {
                builder = builder.with_config(key, value);
            }
        }
        let endpoint = match endpoint {
            Some(endpoint) => secrets::masked(endpoint),
            None => format!("https://s3.{region}.amazonaws.com"),
        };
        Ok(Self {
            builder,
            endpoint,
            region,
        })
    }
}

/// Refuses to begin without any credentials: the library would ask the metadata service of a cloud.
fn has_credentials<'a>(find: impl Fn(&str) -> Option<&'a str>) -> Result<(), Fault> {
    let has = |names: &[&str]| names.iter().all(|name| find(name).is_some());
    let missing = match (has(&["AWS_ACCESS_KEY_ID"]), has(&["AWS_SECRET_ACCESS_KEY"])) {
        (true, true) => return Ok(()),
        (true, false) => "`AWS_SECRET_ACCESS_KEY` is",
        (false, true) => "`AWS_ACCESS_KEY_ID` is",
        (false, false) => "`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` are",
    };
    let others: [&[&str]; 4] = [
        &["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"],
        &["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"],
        &[
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        ],
        &["AWS_METADATA_ENDPOINT"],
    ];
    if others.iter().any(|names| has(names)) {
        return Ok(());
    }
    Err(Fault::NoCredentials { missing })
}

/// Refuses an endpoint that is no address, and plain HTTP to another machine unless it is allowed.
fn is_safe(endpoint: &str, is_allowed: bool) -> Result<(), Fault> {
    let shown = || secrets::masked(endpoint);
    let no_address = |reason: String| Fault::NoAddress {
        endpoint: shown(),
        reason,
    };
    let url = Url::parse(endpoint).map_err(|error| no_address(error.to_string()))?;
    let host = url.host_str().unwrap_or_default();
    match url.scheme() {
        "https" | "http" if host.is_empty() => Err(no_address("it has no host".into())),
        "https" => Ok(()),
        "http" if is_allowed || is_loopback(host) => Ok(()),
        "http" => Err(Fault::PlainHttp { endpoint: shown() }),
        _ => Err(no_address(
            "it begins with neither `https://` nor `http://`".into(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [(&str, &str); 2] = [
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG"),
    ];

    fn access(variables: &[(&str, &str)]) -> Result<Access, Fault> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let bucket = Bucket {
            name: "runs".into(),
            prefix: String::new(),
        };
        Access::of(variables.iter().map(owned), &bucket)
    }

    fn with(more: &[(&str, &str)]) -> Result<Access, Fault> {
        access(&[KEYS.as_slice(), more].concat())
    }

    #[test]
    fn credentials_come_as_keys_or_from_whoever_gives_them_out() {
        let missing = |variables: &[(&str, &str)]| match access(variables) {
            Err(Fault::NoCredentials { missing }) => missing,
            other => panic!("{other:?}"),
        };
        assert!(missing(&[]).contains("AWS_ACCESS_KEY_ID` and"));
        assert!(missing(&KEYS[..1]).contains("SECRET"));
        assert!(!missing(&KEYS[1..]).contains("SECRET"));
        let empty = [KEYS[0], ("AWS_SECRET_ACCESS_KEY", "")];
        assert!(missing(&empty).contains("SECRET"));
        assert!(missing(&[("AWS_ROLE_ARN", "arn")]).contains("and"));
        for others in [
            &KEYS[..],
            &[
                ("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"),
                ("AWS_ROLE_ARN", "arn"),
            ],
            &[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")],
            &[("AWS_METADATA_ENDPOINT", "http://169.254.169.254")],
        ] {
            assert!(access(others).is_ok(), "{others:?}");
        }
    }

    #[test]
    fn the_endpoint_of_s3_goes_before_that_of_everything() {
        let found = with(&[]).expect("Amazon's own");
        assert_eq!(found.endpoint, "https://s3.us-east-1.amazonaws.com");
        let regions = [("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "other")];
        let found = with(&regions).expect("a region");
        assert_eq!(found.endpoint, "https://s3.eu-west-1.amazonaws.com");
        assert_eq!(found.region, "eu-west-1");
        let endpoints = [
            ("AWS_ENDPOINT_URL", "https://all.test"),
            ("AWS_ENDPOINT_URL_S3", "https://user:W0rd-of-it@s3.test"),
        ];
        let found = with(&endpoints).expect("an endpoint");
        assert_eq!(found.endpoint, "https://user:(hidden)@s3.test");
    }

    #[test]
    fn plain_http_stays_on_the_machine_unless_it_is_allowed() {
        let to = |endpoint: &str| with(&[("AWS_ENDPOINT_URL", endpoint)]).err();
        for endpoint in [
            "http://127.0.0.1:9000",
            "http://localhost",
            "http://[::1]:1",
        ] {
            assert_eq!(to(endpoint), None, "{endpoint}");
        }
        for endpoint in [
            "http://minio:9000",
            "http://10.0.0.1",
            "http://localhost.corp",
        ] {
            let fault = to(endpoint).expect("refused");
            assert!(matches!(fault, Fault::PlainHttp { .. }), "{fault}");
            let allowed = [("AWS_ENDPOINT_URL", endpoint), (ALLOW_HTTP, "true")];
            assert!(with(&allowed).is_ok());
        }
        for endpoint in ["minio:9000", "ftp://minio", "minio", "https://"] {
            let fault = to(endpoint).expect("refused");
            assert!(matches!(fault, Fault::NoAddress { .. }), "{fault}");
        }
    }
}
