//! Keys for services of AWS: where a source's `sigv4` says that they are, or the environment, in the order in which AWS's own
//! programs look.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Credentials, Token,
    interpret::Interpreter,
    resilience_interpret::check_url,
    value::{Given, Hidden},
};

/// Where agents of Amazon ECS listen; relative paths are below it.
const CONTAINER_HOST: &str = "http://169.254.170.2";

/// Where the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AwsKeys {
    /// In the configuration or in the environment.
    Fixed {
        /// Access key id.
        id: String,
        /// Secret access key.
        secret: Hidden<String>,
        /// Session token of temporary keys.
        session: Option<Hidden<String>>,
    },
    /// In a file with profiles, read again when it changes.
    File {
        /// The file.
        path: PathBuf,
        /// The profile in it.
        profile: String,
    },
    /// At an endpoint of the container that gives temporary ones (Amazon ECS, EKS Pod Identity).
    Container {
        /// The endpoint.
        url: String,
        /// What it wants to see.
        token: Option<Token>,
    },
    /// At the token service, for a token of the cluster (EKS, roles for service accounts).
    WebIdentity {
        /// The token service.
        url: String,
        /// The role that is taken on.
        role: String,
        /// Its name in AWS's logs.
        session: String,
        /// The file with the cluster's token.
        token: PathBuf,
    },
}

/// AWS Signature Version 4. Keys come from here, from a file, or from the environment as AWS's own programs read it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Sigv4Document {
    /// The region that the service is in, such as `eu-central-1`.
    pub(super) region: Given<String>,
    /// The service's name for signatures, such as `execute-api`, `lambda` or `s3`.
    service: Given<String>,
    /// Access key id. Default: `AWS_ACCESS_KEY_ID` of the environment.
    #[serde(default)]
    access_key_id: Option<Given<String>>,
    /// Secret access key, best as `${env.NAME}`. Default: `AWS_SECRET_ACCESS_KEY` of the environment.
    #[serde(default)]
    secret_access_key: Option<Given<String>>,
    /// Session token of temporary keys. Default: none beside keys that are given here.
    #[serde(default)]
    session_token: Option<Given<String>>,
    /// A file with profiles (`~/.aws/credentials`), read again when it changes; relative to this file.
    /// Default: `AWS_SHARED_CREDENTIALS_FILE`, else that of the home folder, where `profile` is given.
    #[serde(default)]
    file: Option<Given<String>>,
    /// The profile in that file. Default: `AWS_PROFILE`, else `default`.
    #[serde(default)]
    profile: Option<Given<String>>,
}

impl Interpreter<'_> {
    pub(super) fn sigv4(&mut self, document: Sigv4Document) -> Option<Credentials> {
        let Sigv4Document { region, service, access_key_id, secret_access_key, session_token, file, profile } =
            document;
        let span = region.span.clone();
        let (region, service) = (self.part_of_scope(region), self.part_of_scope(service));
        let has_keys = access_key_id.is_some() || secret_access_key.is_some() || session_token.is_some();
        let keys = match (access_key_id, secret_access_key) {
            _ if has_keys && (file.is_some() || profile.is_some()) => {
                self.find(span, "INVALID_VALUE", "give keys, or a `file` or `profile` that has them, not both");
                None
            }
            (Some(id), Some(secret)) => {
                let (id, secret) = (self.visible(id), self.visible(secret));
                let session = session_token.map(|token| self.visible(token));
                let session = match session {
                    None => None,
                    Some(token) => Some(Hidden(token?)),
                };
                Some(AwsKeys::Fixed { id: id?, secret: Hidden(secret?), session })
            }
            _ if has_keys => {
                self.find(span, "INVALID_VALUE", "`access_key_id` and `secret_access_key` go together");
                None
            }
            _ if file.is_some() || profile.is_some() => {
                let path = match file {
                    Some(file) => self.path(file),
                    None => self.shared_file(),
                };
                let profile = match profile {
                    Some(profile) => self.text(profile)?,
                    None => self.variable("AWS_PROFILE").unwrap_or_else(|| "default".to_owned()),
                };
                if path.is_none() {
                    self.find(span, "INVALID_VALUE", "there is no home folder with `.aws/credentials`: give a `file`");
                }
                Some(AwsKeys::File { path: path?, profile })
            }
            _ => {
                let found = self.keys_of_environment(region.as_deref().unwrap_or_default());
                if found.is_none() {
                    let message = "`sigv4` needs keys: give `access_key_id` and `secret_access_key`, a `file` or a \
                                   `profile`, or set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`";
                    self.find(span, "INVALID_VALUE", message);
                }
                found
            }
        };
        Some(Credentials::Sigv4 { region: region?, service: service?, keys: keys? })
    }

    /// Source: "Standardized credential providers" of the AWS SDKs and Tools Reference Guide. What is left out: keys of
    /// `AWS_PROFILE`'s roles and single sign-on, and the metadata service of virtual machines.
    fn keys_of_environment(&mut self, region: &str) -> Option<AwsKeys> {
        if let (Some(id), Some(secret)) = (self.variable("AWS_ACCESS_KEY_ID"), self.variable("AWS_SECRET_ACCESS_KEY")) {
            let session = self.variable("AWS_SESSION_TOKEN").map(Hidden);
            return Some(AwsKeys::Fixed { id, secret: Hidden(secret), session });
        }
        if let (Some(role), Some(token)) = (self.variable("AWS_ROLE_ARN"), self.variable("AWS_WEB_IDENTITY_TOKEN_FILE"))
        {
            let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
            let endpoint = self.variable("AWS_ENDPOINT_URL_STS");
            return Some(AwsKeys::WebIdentity {
                url: endpoint.unwrap_or_else(|| format!("https://sts.{region}.amazonaws.com{suffix}/")),
                role,
                session: self.variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "weft".to_owned()),
                token: token.into(),
            });
        }
        let names_a_file = ["AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE"].map(|name| self.variable(name).is_some());
        if names_a_file.contains(&true) {
            let profile = self.variable("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
            return Some(AwsKeys::File { path: self.shared_file()?, profile });
        }
        let relative = self.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let url = match relative {
            Some(path) => format!("{CONTAINER_HOST}{path}"),
            None => self.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")?,
        };
        check_url(&url, false).ok()?;
        let token = match self.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(file) => Some(Token::File(file.into())),
            None => self.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(|token| Token::Fixed(Hidden(token))),
        };
        Some(AwsKeys::Container { url, token })
    }

    fn shared_file(&self) -> Option<PathBuf> {
        let named = self.variable("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
        named.or_else(|| Some(PathBuf::from(self.variable("HOME")?).join(".aws/credentials")))
    }

    /// A variable that is set and not empty.
    fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.is_empty())
    }

    /// A region's or a service's name: a part of the scope that is signed.
    fn part_of_scope(&mut self, given: Given<String>) -> Option<String> {
        let span = given.span.clone();
        let text = self.text(given)?;
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Some(text);
        }
        self.find(span, "INVALID_VALUE", "expected letters, digits and `-`, such as `eu-central-1` or `execute-api`");
        None
    }

    fn visible(&mut self, given: Given<String>) -> Option<String> {
        let span = given.span.clone();
        let text = self.text(given)?;
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Some(text);
        }
        self.find(span, "INVALID_VALUE", "keys of AWS have visible ASCII characters only");
        None
    }
}
