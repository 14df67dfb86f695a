/// Words in commands and environment values that get their value once the stack is up. Those of a
/// service, such as `{postgres.url}`, are its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// Address the server must listen on.
    Host,
    /// Port the server must listen on.
    Port,
    /// Host and port of the server that a proxy passes requests on to.
    Upstream,
    /// This program's own path.
    Perfgate,
    /// The program that cargo built for the server.
    Program,
}

impl Placeholder {
    /// What `{env.NAME}` begins with, a variable of this process.
    pub const ENV: &str = "env";

    pub const ALL: [Self; 5] = [
        Self::Host,
        Self::Port,
        Self::Upstream,
        Self::Perfgate,
        Self::Program,
    ];

    /// The placeholder as it is written.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Host => "{host}",
            Self::Port => "{port}",
            Self::Upstream => "{upstream}",
            Self::Perfgate => "{perfgate}",
            Self::Program => "{program}",
        }
    }

    /// Whether a command and its environment take both host and port from perfgate.
    pub fn give_address(command: &[String], env: &[(String, String)]) -> bool {
        let is_used = |placeholder: Self| {
            let name = placeholder.text();
            let mut values = env.iter().map(|(_, value)| value);
            command.iter().any(|word| word.contains(name))
                || values.any(|value| value.contains(name))
        };
        is_used(Self::Host) && is_used(Self::Port)
    }

    /// Names with a point in braces, `postgres` and `url` of `{postgres.url}`. Other text in braces is
    /// the program's own.
    pub fn fields_in(text: &str) -> impl Iterator<Item = (&str, &str)> {
        text.match_indices('{').filter_map(|(start, _)| {
            let end = text[start..].find('}')?;
            text[start + 1..start + end].split_once('.')
        })
    }
}
