//! The way to a database.

use tokio_postgres::{Client, NoTls};

pub(super) async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// What went wrong, in the words of the database where it answered: no connection string is in it.
#[expect(clippy::needless_pass_by_value, reason = "fits map_err")]
pub(super) fn describe(error: tokio_postgres::Error) -> String {
    std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_that_is_not_there_is_described_without_its_password() {
        let url = "postgresql://somebody:hunter2@127.0.0.1:1/shop";
        let error = connect(url).await.expect_err("nothing listens on port 1");
        let text = describe(error);
        assert!(text.contains("refused"), "{text}");
        assert!(
            !text.contains("hunter2") && !text.contains("somebody"),
            "{text}"
        );
    }
}
