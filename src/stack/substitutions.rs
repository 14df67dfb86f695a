//! Where a server will listen, and what the placeholders in its commands and environment stand
//! for.

use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::{Stack, Tenancy};
use crate::model::{ContainerSettings, CopiedFile, FileSource, Placeholder, Values, filled};

/// One start of a server.
pub(super) struct Substitutions {
    pub(super) listen: SocketAddr,
    /// By placeholder, as it is written.
    values: Vec<(String, String)>,
}

impl Substitutions {
    /// One start of a service, which may listen nowhere and use the services before it.
    pub(super) fn of_service(listen: Option<SocketAddr>, values: &[(String, String)]) -> Self {
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let mut substitutions = Self {
            listen: listen.unwrap_or(nowhere),
            values: values.to_vec(),
        };
        substitutions.add_own();
        substitutions
    }

    fn add_own(&mut self) {
        self.set(Placeholder::Host, self.listen.ip().to_string());
        self.set(Placeholder::Port, self.listen.port().to_string());
        self.set(Placeholder::Perfgate, own_path());
    }

    fn fill(&self, text: &str) -> String {
        let fill = |text: String, (name, value): &(String, String)| text.replace(name, value);
        self.values.iter().fold(with_environment(text), fill)
    }

    pub(super) fn set(&mut self, placeholder: Placeholder, value: String) {
        self.values.push((placeholder.text().to_owned(), value));
    }

    pub(super) fn fill_all(&self, words: &[String]) -> Vec<String> {
        words.iter().map(|word| self.fill(word)).collect()
    }

    /// Files with values in place of their placeholders.
    pub(super) fn fill_files(&self, files: &[CopiedFile]) -> Vec<CopiedFile> {
        let filled = |file: &CopiedFile| CopiedFile {
            inside: file.inside.clone(),
            source: match &file.source {
                FileSource::Path(path) => FileSource::Path(path.clone()),
                FileSource::Text(text) => FileSource::Text(self.fill(text)),
            },
            replace: self.fill_env(&file.replace),
        };
        files.iter().map(filled).collect()
    }

    pub(super) fn fill_settings(&self, settings: &ContainerSettings) -> ContainerSettings {
        ContainerSettings {
            files: self.fill_files(&settings.files),
            ..settings.clone()
        }
    }

    pub(super) fn fill_env(&self, env: &[(String, String)]) -> Vec<(String, String)> {
        env.iter()
            .map(|(name, value)| (name.clone(), self.fill(value)))
            .collect()
    }
}

impl Stack {
    /// What the placeholders stand for when a server listens there.
    pub(super) fn substitutions(
        &self,
        listen: SocketAddr,
        tenancy: &Tenancy,
        contained: bool,
    ) -> Substitutions {
        let services = self.services.iter();
        let values = services.flat_map(|(name, service)| {
            placeholders(name, service.values(tenancy.room(name), contained))
        });
        let mut substitutions = Substitutions {
            listen,
            values: values.collect(),
        };
        substitutions.add_own();
        substitutions
    }
}

/// A text with the values of `{env.NAME}`: no plan holds them, so that nothing made of one shows them.
pub(super) fn with_environment(text: &str) -> String {
    let names = Placeholder::fields_in(text).filter(|(space, _)| *space == Placeholder::ENV);
    filled(
        text,
        Placeholder::ENV,
        &variables(names.map(|(_, name)| name)),
    )
}

/// Variables of this process by name.
pub(super) fn variables<'a>(names: impl IntoIterator<Item = &'a str>) -> Values {
    let value = |name: &str| Some((name.to_owned(), env::var(name).ok()?));
    names.into_iter().filter_map(value).collect()
}

/// The fields of a service as they are written, and what they stand for.
pub(super) fn placeholders(
    service: &str,
    values: Vec<(String, String)>,
) -> impl Iterator<Item = (String, String)> {
    let written = move |(field, value)| (format!("{{{service}.{field}}}"), value);
    values.into_iter().map(written)
}

fn own_path() -> String {
    env::current_exe()
        .unwrap_or_else(|_| PathBuf::from("perfgate"))
        .display()
        .to_string()
}
