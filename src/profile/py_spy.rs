//! `py-spy record --format raw`: a line for each stack, `outer (file:line);inner (file:line) count`.

use super::stack::{Frame, Sampled};

/// Stacks of a recording with so many samples a second. Lines that are none of its form are passed over.
pub fn read(text: &str, rate: u32) -> Vec<Sampled> {
    let stacks = text.lines().filter_map(|line| {
        let (stack, count) = line.rsplit_once(' ')?;
        let stack = without_process(stack).split(';').map(frame).collect();
        Some(Sampled {
            stack,
            count: count.parse().ok()?,
            period: 1.0 / f64::from(rate),
        })
    });
    stacks.collect()
}

/// A stack without the name of its process, which comes first where there are several:
/// `process 7:"python app.py";`.
fn without_process(stack: &str) -> &str {
    let named = stack.strip_prefix("process ").and_then(|rest| {
        let (number, rest) = rest.split_once(":\"")?;
        let is_number = number.bytes().all(|it| it.is_ascii_digit());
        let (_, rest) = rest.split_once("\";")?;
        is_number.then_some(rest)
    });
    named.unwrap_or(stack)
}

fn frame(text: &str) -> Frame {
    let parts = text.strip_suffix(')').and_then(|it| it.rsplit_once(" ("));
    let Some((name, location)) = parts else {
        return Frame {
            name: text.to_owned(),
            file: None,
            line: None,
        };
    };
    let (file, line) = match location.rsplit_once(':') {
        Some((file, line)) => (file, line.parse().ok()),
        None => (location, None),
    };
    Frame {
        name: name.to_owned(),
        file: Some(file.to_owned()),
        line: line.filter(|it| *it > 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(line: &str) -> Vec<(String, Option<String>, Option<u32>)> {
        let [read] = <[Sampled; 1]>::try_from(read(line, 100)).expect("a stack");
        let parts = read.stack.into_iter().map(|it| (it.name, it.file, it.line));
        parts.collect()
    }

    #[test]
    fn a_stack_has_functions_with_their_files_and_lines() {
        let line = "process 28592:\"python3 -c 'a; b'\";H.do_GET (/app/srv.py:8);serialize (/app/srv.py:3) 12";
        let file = Some("/app/srv.py".to_owned());
        let expected = [
            ("H.do_GET".to_owned(), file.clone(), Some(8)),
            ("serialize".to_owned(), file, Some(3)),
        ];
        assert_eq!(frames(line), expected);
        let read = read(line, 200);
        assert_eq!(read[0].count, 12);
        assert!((read[0].time() - 0.06).abs() < 1e-12);
    }

    #[test]
    fn frames_without_a_place_and_broken_lines_are_no_trouble() {
        let expected = ("<lambda>".to_owned(), None, None);
        assert_eq!(frames("<lambda> 1"), [expected]);
        let zero = frames("f (<string>:0) 1");
        assert_eq!(zero, [("f".to_owned(), Some("<string>".to_owned()), None)]);
        assert_eq!(read("\nno count\nf (x:1) many\n", 100), []);
    }
}
