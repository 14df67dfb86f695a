//! `perf script -F pid,time,ip,sym,dso`: for each sample a line with process and time, and then its
//! functions, the innermost first.

use super::stack::Frame;

/// One sample of one process.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub pid: i32,
    /// Seconds on the clock that perf was given.
    pub time: f64,
    /// The outermost function first.
    pub stack: Vec<Frame>,
}

/// What the kernel does for a program is one function.
const KERNEL: &str = "[kernel]";

/// The samples; lines that are none of its form are passed over.
pub fn read(text: &str) -> Vec<Sample> {
    let mut samples: Vec<Sample> = Vec::new();
    for line in text.lines() {
        if line.starts_with('\t') {
            let frame = frame(line.trim());
            if let Some((sample, frame)) = samples.last_mut().zip(frame) {
                let is_kernel = |it: &Frame| it.name == KERNEL;
                if !is_kernel(&frame) || !sample.stack.last().is_some_and(is_kernel) {
                    sample.stack.push(frame);
                }
            }
        } else if let Some((pid, time)) = head(line) {
            samples.push(Sample {
                pid,
                time,
                stack: Vec::new(),
            });
        }
    }
    samples.retain(|it| !it.stack.is_empty());
    for sample in &mut samples {
        sample.stack.reverse();
    }
    samples
}

/// `  544  1557.934101: `
fn head(line: &str) -> Option<(i32, f64)> {
    let mut words = line.split_whitespace();
    let pid = words.next()?.parse().ok()?;
    let time = words.next()?.strip_suffix(':')?.parse().ok()?;
    Some((pid, time))
}

/// `7f12 name (program)`
fn frame(line: &str) -> Option<Frame> {
    let (address, rest) = line.split_once(' ')?;
    let rest = rest.strip_suffix(')')?;
    let rest = rest.strip_suffix(" (deleted)").unwrap_or(rest);
    let (name, program) = rest.rsplit_once('(')?;
    let is_high = address.len() == 16 && address.starts_with("ffff");
    if is_high || program.starts_with("[kernel") {
        return Some(Frame {
            name: KERNEL.into(),
            file: None,
            line: None,
        });
    }
    let program = program.rsplit('/').next().unwrap_or(program);
    let number = program.strip_prefix("perf-");
    if number.and_then(|it| it.strip_suffix(".map")).is_some() {
        return Some(of_map(name.trim_end()));
    }
    Some(Frame {
        name: function(name.trim_end()),
        file: Some(program.to_owned()),
        line: None,
    })
}

/// A function of a perf map, which has a number of its own for each process. Node writes what compiled it, how
/// far, and the place: `LazyCompile:*serialize /srv/views.js:31:20`.
fn of_map(name: &str) -> Frame {
    let by_name = || Frame {
        name: name.to_owned(),
        file: None,
        line: None,
    };
    let of_node = || {
        let (_, rest) = name.split_once(':')?;
        let (function, location) = rest.rsplit_once(' ')?;
        let mut parts = location.rsplitn(3, ':');
        let (_column, line, file) = (parts.next()?, parts.next()?, parts.next()?);
        let function = function.trim_start_matches(['*', '~', '^', '+']);
        Some(Frame {
            name: function.to_owned(),
            file: Some(file.trim_start_matches("file://").to_owned()),
            line: Some(line.parse().ok()?),
        })
    };
    of_node().unwrap_or_else(by_name)
}

/// A name as it is written in the source: without versions of symbols, and of Rust without the hash that
/// every build makes anew.
fn function(symbol: &str) -> String {
    if let Ok(name) = rustc_demangle::try_demangle(symbol) {
        return format!("{name:#}");
    }
    let symbol = match symbol.find('@') {
        Some(version) if version > 0 => &symbol[..version],
        _ => symbol,
    };
    let is_hash = |it: &str| it.len() == 16 && it.bytes().all(|it| it.is_ascii_hexdigit());
    match symbol.rsplit_once("::h") {
        Some((name, hash)) if is_hash(hash) => name.to_owned(),
        _ => symbol.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "  544  1557.934101: \n\
        \tffffffff81650a51 kmem_cache_alloc_noprof ([kernel.kallsyms])\n\
        \tffffffff81000130 entry_SYSCALL_64_after_hwframe ([kernel.kallsyms])\n\
        \t           d4353 _Fork@@GLIBC_2.34 (/usr/lib/x86_64-linux-gnu/libc.so.6)\n\
        \t            d527 app::serve::h0123456789abcdef (/srv/app)\n\
        \t            d527 operator()(int) const (/srv/app)\n\
        \t            4780 [unknown] (/srv/app (deleted))\n\
        \n\
        broken\n\
        \x20 545  1558.000001: \n\
        \n";

    #[test]
    fn a_sample_has_its_functions_from_the_outermost_on() {
        let [sample] = <[Sample; 1]>::try_from(read(TEXT)).expect("a sample");
        assert_eq!((sample.pid, sample.time), (544, 1_557.934_101));
        let frames = sample.stack.iter().map(|it| {
            let file = it.file.as_deref().unwrap_or_default();
            (it.name.as_str(), file)
        });
        let expected = [
            ("[unknown]", "app"),
            ("operator()(int) const", "app"),
            ("app::serve", "app"),
            ("_Fork", "libc.so.6"),
            ("[kernel]", ""),
        ];
        assert_eq!(frames.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn functions_of_a_perf_map_have_their_place_where_it_is_written() {
        let of = |name: &str| {
            let line = format!("\t    7f12 {name} (/tmp/perf-71.map)");
            let frame = frame(line.trim()).expect("a frame");
            (frame.name, frame.file, frame.line)
        };
        let node = of("LazyCompile:*serialize file:///srv/views.js:31:20");
        let file = Some("/srv/views.js".to_owned());
        assert_eq!(node, ("serialize".to_owned(), file, Some(31)));
        let java = of("Lorg/app/Views;::serialize");
        assert_eq!(java, ("Lorg/app/Views;::serialize".to_owned(), None, None));
    }

    #[test]
    fn names_of_two_builds_are_the_same() {
        for symbol in [
            "_ZN3app5serve17h0123456789abcdefE",
            "_ZN3app5serve17hfedcba9876543210E",
        ] {
            assert_eq!(function(symbol), "app::serve");
        }
        assert_eq!(function("_RNvCs4fqI2P2rA04_3app5serve"), "app::serve");
        assert_eq!(function("main"), "main");
    }
}
