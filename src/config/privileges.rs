//! What a container may do beyond the others, by the names that a file has for it.

use super::Error;
use super::resolve::Resolver;
use super::spanned::Spanned;
use crate::compose::nearest;
use crate::model::Privilege;

/// What no container may have, and why.
const NEVER: [(&str, &str); 2] = [
    (
        "host-network",
        "two containers of it are up at once, and both would listen at the same ports: take the address from {host} \
         and {port} in `command` or `env`, by which a container may listen on this machine's own network",
    ),
    (
        "devices",
        "containers of perfgate get no devices; `privileged` gives them all",
    ),
];

impl Resolver<'_> {
    pub(super) fn privileges(&self, names: &[Spanned<String>]) -> Result<Vec<Privilege>, Error> {
        let mut all = Vec::new();
        for name in names {
            let privilege = self.privilege(name)?;
            if !all.contains(&privilege) {
                all.push(privilege);
            }
        }
        // Their order makes no difference.
        all.sort_unstable();
        Ok(all)
    }

    fn privilege(&self, name: &Spanned<String>) -> Result<Privilege, Error> {
        let text = name.get_ref().as_str();
        if let Some(known) = Privilege::ALL.into_iter().find(|it| it.name() == text) {
            return Ok(known);
        }
        let refuse = |message: String, hint: String| {
            Err(self.spans.invalid(&name.span(), message, Some(hint)))
        };
        if let Some((_, why)) = NEVER.iter().find(|(it, _)| *it == text) {
            return refuse(format!("`{text}` cannot be allowed"), (*why).to_owned());
        }
        let names = Privilege::ALL.map(Privilege::name);
        let hint = nearest(text, names).map_or_else(
            || format!("known: {}", names.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        refuse(format!("`{text}` is nothing that can be allowed"), hint)
    }
}
