/// Words in commands and environment values that get their value once the stack is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// Connection string of Postgres as the server reaches it.
    PostgresUrl,
    /// Connection string of Redis as the server reaches it.
    RedisUrl,
    /// Address the server must listen on.
    Host,
    /// Port the server must listen on.
    Port,
    /// Host and port of the server that a proxy passes requests on to.
    Upstream,
    /// This program's own path.
    Perfgate,
}

impl Placeholder {
    pub const ALL: [Self; 6] = [
        Self::PostgresUrl,
        Self::RedisUrl,
        Self::Host,
        Self::Port,
        Self::Upstream,
        Self::Perfgate,
    ];

    /// The placeholder as it is written.
    pub const fn text(self) -> &'static str {
        match self {
            Self::PostgresUrl => "{postgres.url}",
            Self::RedisUrl => "{redis.url}",
            Self::Host => "{host}",
            Self::Port => "{port}",
            Self::Upstream => "{upstream}",
            Self::Perfgate => "{perfgate}",
        }
    }

    /// Whether a command and its environment take both host and port from perfgate.
    pub fn say_where_to_listen(command: &[String], env: &[(String, String)]) -> bool {
        let told = |placeholder: Self| {
            let name = placeholder.text();
            let mut values = env.iter().map(|(_, value)| value);
            command.iter().any(|word| word.contains(name))
                || values.any(|value| value.contains(name))
        };
        told(Self::Host) && told(Self::Port)
    }

    /// A word in braces that looks like a placeholder and is none. Other text in braces is the
    /// program's own.
    pub fn unknown_in(text: &str) -> Option<&str> {
        let known = Self::ALL.map(Self::text);
        braced(text).find(|word| {
            let ours = word.starts_with("{postgres.") || word.starts_with("{redis.");
            ours && !known.contains(word)
        })
    }
}

fn braced(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('{').filter_map(|(start, _)| {
        let end = text[start..].find('}')?;
        Some(&text[start..=start + end])
    })
}
