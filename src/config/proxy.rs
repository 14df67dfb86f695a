//! Proxies, in a form that says where each listens and passes requests on to.

use indexmap::IndexMap;

use super::resolve::Resolver;
use super::spanned::Spanned;
use super::{Error, file};
use crate::model::{NetworkPath, Placeholder, Proxy};

const PORT: u16 = 80;

impl Resolver<'_> {
    pub(super) fn proxies(
        &self,
        proxies: IndexMap<String, Spanned<file::Proxy>>,
    ) -> Result<Vec<Proxy>, Error> {
        proxies
            .into_iter()
            .map(|(name, proxy)| self.proxy(name, proxy))
            .collect()
    }

    fn proxy(&self, name: String, proxy: Spanned<file::Proxy>) -> Result<Proxy, Error> {
        let span = proxy.span();
        let proxy = proxy.into_inner();
        let table = format!("proxy.{name}");
        let source = self.image(&table, &span, proxy.image, proxy.build.as_ref())?;
        let proxy = Proxy {
            source,
            command: self.fill_all(&proxy.command)?,
            port: proxy.port.unwrap_or(PORT),
            env: self.env(&proxy.env)?,
            files: self.files(&proxy.files)?,
            name,
        };
        let on_host = self.network == Some(NetworkPath::Host);
        if on_host && !Placeholder::give_address(&proxy.command, &proxy.env) {
            let name = &proxy.name;
            return Err(self.spans.invalid(
                &span,
                format!("proxy `{name}` does not get its address on the host's network"),
                Some("use {host} and {port} in its `command` or `env`".into()),
            ));
        }
        Ok(proxy)
    }
}
