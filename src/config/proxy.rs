//! Proxies, in a form that says where each listens and passes requests on to.

use indexmap::IndexMap;

use super::resolve::Resolver;
use super::spanned::Spanned;
use super::{Error, file};
use crate::model::{NetworkPath, Placeholder, Proxy, ServiceSource};

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
        let source = match (proxy.image, proxy.build) {
            (Some(image), None) => ServiceSource::Image(image),
            (None, Some(folder)) => ServiceSource::Build(self.inside(&folder)?),
            _ => {
                let message = format!("[proxy.{name}] needs exactly one of `image`, `build`");
                return Err(self.places.invalid(&span, message, None));
            }
        };
        let files = proxy.files.into_iter();
        let files = files.map(|(inside, here)| {
            if !inside.get_ref().starts_with('/') {
                let message = format!("`{}` is no place in a container", inside.get_ref());
                let hint = "write an absolute path, such as \"/etc/caddy/Caddyfile\"";
                return Err(self
                    .places
                    .invalid(&inside.span(), message, Some(hint.into())));
            }
            Ok((inside.into_inner(), self.inside(&here)?))
        });
        let proxy = Proxy {
            source,
            command: self.words(&proxy.command)?,
            port: proxy.port.unwrap_or(PORT),
            env: self.env(&proxy.env)?,
            files: files.collect::<Result<_, _>>()?,
            name,
        };
        let on_host = self.network == Some(NetworkPath::Host);
        if on_host && !Placeholder::say_where_to_listen(&proxy.command, &proxy.env) {
            let name = &proxy.name;
            return Err(self.places.invalid(
                &span,
                format!("proxy `{name}` is not told where to listen on the host's network"),
                Some("use {host} and {port} in its `command` or `env`".into()),
            ));
        }
        Ok(proxy)
    }
}
