/// Why a bucket cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("there are no credentials: {missing} not set")]
    NoCredentials { missing: &'static str },
    #[error("the endpoint `{endpoint}` is no address: {reason}")]
    NoAddress { endpoint: String, reason: String },
    #[error("`{endpoint}` is plain HTTP to another machine, which anyone on the way can read")]
    PlainHttp { endpoint: String },
    #[error("there is no such bucket at `{endpoint}`")]
    NoBucket { endpoint: String },
    #[error("`{endpoint}` refuses access: {code}: {message}")]
    Denied {
        endpoint: String,
        code: String,
        message: String,
    },
    #[error("the bucket is not in region `{asked}`")]
    Region {
        asked: String,
        found: Option<String>,
    },
    #[error("`{endpoint}` cannot be reached: {reason}")]
    Unreachable { endpoint: String, reason: String },
    #[error("`{endpoint}` answered {status}: {code}: {message}")]
    Answer {
        endpoint: String,
        status: u16,
        code: String,
        message: String,
    },
    #[error("`{endpoint}` ignores conditional writes, so two writers could lose runs")]
    Unconditional { endpoint: String },
    #[error("objects were deleted while they were read")]
    Rewritten,
    #[error("no client can be made: {reason}")]
    Client { reason: String },
}

/// Codes of S3 that say that the credentials are wrong.
const WRONG_KEYS: [&str; 3] = ["InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthFailure"];
/// Codes that say that they hold no longer.
const OLD_KEYS: [&str; 3] = ["ExpiredToken", "InvalidToken", "TokenRefreshRequired"];

impl Fault {
    /// What the user can do next.
    pub fn hint(&self) -> String {
        let hint = match self {
            Self::NoCredentials { .. } => {
                "set them: in a workflow by a step of aws-actions/configure-aws-credentials before perfgate, elsewhere by \
                 `eval \"$(aws configure export-credentials --format env)\"`"
            }
            Self::NoAddress { .. } => "correct `AWS_ENDPOINT_URL`: `https://HOST`",
            Self::PlainHttp { .. } => {
                "name it with `https://` in `AWS_ENDPOINT_URL`, or set `AWS_ALLOW_HTTP=true` where the network is trusted"
            }
            Self::NoBucket { .. } => {
                "create it, or correct its name, or `AWS_ENDPOINT_URL` if it lies elsewhere"
            }
            Self::Denied { code, .. } if WRONG_KEYS.contains(&code.as_str()) => {
                "check `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`: they must be of this endpoint"
            }
            Self::Denied { code, .. } if OLD_KEYS.contains(&code.as_str()) => {
                "get new credentials: those of `AWS_SESSION_TOKEN` have expired or are wrong"
            }
            Self::Denied { code, .. } if code == "RequestTimeTooSkewed" => {
                "set the clock of this machine"
            }
            Self::Denied { .. } => {
                "allow `s3:ListBucket` on the bucket and `s3:GetObject`, `s3:PutObject` and `s3:DeleteObject` on its \
                 objects; checks alone need the first two"
            }
            Self::Region { found, .. } => {
                return match found {
                    Some(found) => format!("set `AWS_REGION={found}`"),
                    None => "set `AWS_REGION` to the region of the bucket".into(),
                };
            }
            Self::Unreachable { .. } => {
                "check `AWS_ENDPOINT_URL`, the network and its proxy (`HTTPS_PROXY`, `NO_PROXY`)"
            }
            Self::Answer { .. } | Self::Rewritten => "run it again; what is stored stays as it is",
            Self::Unconditional { .. } => {
                "use a store with conditional writes (`If-Match`, `If-None-Match`), or keep baselines on a branch: \
                 \"git:BRANCH\""
            }
            Self::Client { .. } => "check the variables `AWS_…` of the environment",
        };
        hint.into()
    }
}
