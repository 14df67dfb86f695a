//! Commands of compose files, as they are measured.

/// Options that make a server look for changes of its source: that takes CPU time and ends connections.
const RELOADING: [&str; 3] = ["--reload", "--auto-reload", "--autoreload"];
/// Options of Celery that hide from perfgate why a worker ended, each with a value.
const LOG_FILES: [&str; 2] = ["--logfile", "-f"];

/// A command without what belongs to development alone.
pub(super) fn measured(words: &[String]) -> Vec<String> {
    let is_celery = words
        .iter()
        .any(|it| it == "celery" || it.ends_with("/celery"));
    let mut kept = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (option, value) = word
            .split_once('=')
            .map_or((word.as_str(), None), |(option, value)| {
                (option, Some(value))
            });
        if RELOADING.contains(&option) {
            continue;
        }
        if is_celery && LOG_FILES.contains(&option) {
            if value.is_none() {
                words.next();
            }
            continue;
        }
        kept.push(without_reloading(word));
    }
    kept
}

/// The line of a shell without such options.
fn without_reloading(word: &str) -> String {
    let words = word.split(' ').filter(|it| !RELOADING.contains(it));
    words.collect::<Vec<_>>().join(" ")
}

/// Whether a script brings a database of Python to its form.
pub(super) fn migrates(script: &str) -> bool {
    let commands = [
        "manage.py migrate",
        "alembic upgrade",
        "flask db upgrade",
        "aerich upgrade",
    ];
    let mut lines = script
        .lines()
        .filter(|it| !it.trim_start().starts_with('#'));
    lines.any(|line| commands.iter().any(|it| line.contains(it)))
}

/// Why a command is not what production runs, where it shows.
pub(super) fn development(words: &[String], env: &[(String, String)]) -> Option<String> {
    let text = words.join(" ");
    let is_set = |name: &str| {
        let mut set = env.iter().filter(|(it, _)| it == name);
        set.any(|(_, value)| {
            matches!(
                value.to_ascii_lowercase().as_str(),
                "1" | "true" | "on" | "yes"
            )
        })
    };
    let server = [
        ("manage.py runserver_plus", "`runserver_plus`"),
        ("manage.py runserver", "Django's `runserver`"),
        ("flask run", "Flask's `run`"),
        ("manage.py run ", "Flask's `run`"),
        ("fastapi dev", "`fastapi dev`"),
        ("npm run dev", "`npm run dev`"),
    ];
    let padded = format!("{text} ");
    let server = server.into_iter().find(|(words, _)| padded.contains(words));
    let server = server.map(|(_, name)| format!("its command is {name}, a server for development"));
    let debug = ["DEBUG", "FLASK_DEBUG", "DJANGO_DEBUG"]
        .into_iter()
        .find(|name| is_set(name));
    let debug = debug.map(|name| format!("{name} is on"));
    let facts: Vec<_> = server.into_iter().chain(debug).collect();
    (!facts.is_empty()).then(|| {
        format!(
            "{}: measure what production runs, by `command` and `env` of the server",
            facts.join(", and ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn what_belongs_to_development_is_left_out() {
        for (command, kept) in [
            (
                "uvicorn app:app --reload --host 0.0.0.0",
                "uvicorn app:app --host 0.0.0.0",
            ),
            ("gunicorn -f x config.wsgi", "gunicorn -f x config.wsgi"),
            (
                "celery --app=core worker --logfile=logs/celery.log --loglevel=info",
                "celery --app=core worker --loglevel=info",
            ),
            (
                "celery -A core worker -f a.log -l info",
                "celery -A core worker -l info",
            ),
        ] {
            assert_eq!(measured(&split(command)), split(kept));
        }
    }

    #[test]
    fn a_line_of_a_shell_is_cleared_too() {
        let line = "while ! nc -z db 5432; do sleep 1; done;  uvicorn app:app --reload --port 80";
        let words = ["bash", "-c", line].map(str::to_owned);
        assert_eq!(
            measured(&words)[2],
            "while ! nc -z db 5432; do sleep 1; done;  uvicorn app:app --port 80"
        );
    }

    #[test]
    fn servers_for_development_are_said() {
        let debug = [("DEBUG".to_owned(), "1".to_owned())];
        let said = development(&split("python manage.py runserver 0.0.0.0:8000"), &debug);
        let said = said.expect("both");
        assert!(
            said.contains("`runserver`") && said.contains("DEBUG is on"),
            "{said}"
        );
        assert_eq!(development(&split("gunicorn config.wsgi"), &[]), None);
        let plus = development(&split("python manage.py runserver_plus"), &[]);
        assert!(plus.is_some_and(|it| it.contains("`runserver_plus`")));
        let off = [("DEBUG".to_owned(), "0".to_owned())];
        assert_eq!(development(&split("gunicorn config.wsgi"), &off), None);
        assert!(development(&split("python manage.py run -h 0.0.0.0"), &[]).is_some());
    }
}
