//! Values that no other request has: `{counter}` and `{uuid}` in a request. Takes the request, gives it
//! with stand-ins as long as the values, and writes the next value over them before each sending, so that
//! the length of a request never changes and nothing is allocated for it.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::{Placeholder, Request};

/// What a value is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Counter,
    Uuid,
}

/// Where the values of a request belong.
#[derive(Debug, Default)]
pub struct Slots(Vec<(usize, Form)>);

/// The value of one sending, in every form.
#[derive(Debug, Clone, Copy)]
pub struct Unique(u64);

const DIGITS: usize = 16;
const UUID: usize = 36;

/// Microseconds since 1970 at the first use, and one more for every value: 16 digits without a leading
/// zero until 2286, exact in JSON, and never those of an earlier process on a machine whose clock runs.
static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |it| it.as_micros());
    AtomicU64::new(u64::try_from(now).unwrap_or_default().max(FIRST))
});
const FIRST: u64 = 10_u64.pow(15);

/// Of this process, in its UUIDs.
static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));

impl Form {
    const ALL: [Self; 2] = [Self::Counter, Self::Uuid];

    const fn placeholder(self) -> &'static str {
        match self {
            Self::Counter => Placeholder::COUNTER,
            Self::Uuid => Placeholder::UUID,
        }
    }

    /// A text that is as long and may stand in every part of a request.
    const fn stand_in(self) -> &'static str {
        match self {
            Self::Counter => "-perfgate-count-",
            Self::Uuid => "-perfgate-uuid----------------------",
        }
    }
}

/// A request with stand-ins.
pub fn with_stand_ins(request: &Request) -> Request {
    request.with_texts(|text| {
        let replace = |text: String, form: Form| text.replace(form.placeholder(), form.stand_in());
        Form::ALL.into_iter().fold(text.to_owned(), replace)
    })
}

/// A text with placeholders where it has stand-ins.
pub fn with_placeholders(text: &str) -> String {
    let replace = |text: String, form: Form| text.replace(form.stand_in(), form.placeholder());
    Form::ALL.into_iter().fold(text.to_owned(), replace)
}

impl Slots {
    /// Those of a request with stand-ins.
    pub fn from_request(request: &[u8]) -> Self {
        let of_form = |form: Form| {
            let stand_in = form.stand_in().as_bytes();
            let windows = request.windows(stand_in.len()).enumerate();
            let found = windows.filter(move |(_, it)| *it == stand_in);
            found.map(move |(at, _)| (at, form))
        };
        Self(Form::ALL.into_iter().flat_map(of_form).collect())
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes a value over the stand-ins of a request.
    pub fn fill(&self, request: &mut [u8], value: Unique) {
        for (at, form) in &self.0 {
            let rest = &mut request[*at..];
            match form {
                Form::Counter => rest[..DIGITS].copy_from_slice(&value.digits()),
                Form::Uuid => rest[..UUID].copy_from_slice(&value.uuid()),
            }
        }
    }
}

impl Unique {
    pub fn next() -> Self {
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// A text with the value in place of placeholders.
    pub fn replaced(self, text: &str) -> String {
        let written = |form: Form| match form {
            Form::Counter => String::from_utf8_lossy(&self.digits()).into_owned(),
            Form::Uuid => String::from_utf8_lossy(&self.uuid()).into_owned(),
        };
        let replace = |text: String, form: Form| text.replace(form.placeholder(), &written(form));
        Form::ALL.into_iter().fold(text.to_owned(), replace)
    }

    /// Some bytes with the value in place of stand-ins.
    pub fn filled(self, bytes: &[u8]) -> Vec<u8> {
        let mut filled = bytes.to_owned();
        Slots::from_request(bytes).fill(&mut filled, self);
        filled
    }

    fn digits(self) -> [u8; DIGITS] {
        let mut rest = self.0;
        let mut digits = [b'0'; DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit = ascii_digit(rest % 10);
            rest /= 10;
        }
        digits
    }

    /// A UUID of version 8, whose bits are an application's own (RFC 9562, section 5.8): those of the
    /// process, then the value.
    fn uuid(self) -> [u8; UUID] {
        let bits = u128::from(*PROCESS) << 64 | u128::from(self.0);
        let version = bits & !(0xf << 76) | 0x8 << 76;
        let mut rest = version & !(0x3 << 62) | 0x2 << 62;
        let mut text = [b'-'; UUID];
        for at in (0..UUID).rev() {
            if ![8, 13, 18, 23].contains(&at) {
                text[at] = hex_digit(rest);
                rest >>= 4;
            }
        }
        text
    }
}

fn ascii_digit(digit: u64) -> u8 {
    b'0' + u8::try_from(digit).unwrap_or_default()
}

fn hex_digit(bits: u128) -> u8 {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    DIGITS[usize::try_from(bits & 0xf).unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn stand_ins_are_as_long_as_values() {
        assert_eq!(Form::Counter.stand_in().len(), DIGITS);
        assert_eq!(Form::Uuid.stand_in().len(), UUID);
    }

    #[test]
    fn every_part_of_a_request_gets_the_same_value() {
        let request = Request {
            path: "/users/{counter}?id={uuid}".into(),
            headers: vec![("X-Id".into(), "{uuid}".into())],
            body: b"{\"number\": {counter}, \"other\": {count}}".to_vec(),
            ..Request::get("/")
        };
        let request = with_stand_ins(&request);
        let value = Unique(1_764_195_000_000_007);
        let filled = |bytes: &[u8]| String::from_utf8(value.filled(bytes)).expect("text");
        let number = "1764195000000007";
        let path = filled(request.path.as_bytes());
        let (start, uuid) = path.split_once("?id=").expect("a query");
        assert_eq!(start, format!("/users/{number}"));
        assert_eq!(filled(request.headers[0].1.as_bytes()), uuid);
        let body = format!("{{\"number\": {number}, \"other\": {{count}}}}");
        assert_eq!(filled(&request.body), body);
        assert_eq!(
            value.replaced("{counter}/{uuid}"),
            format!("{number}/{uuid}")
        );
        assert_eq!(
            with_placeholders(&request.path),
            "/users/{counter}?id={uuid}"
        );
    }

    #[test]
    fn values_differ_and_are_what_they_seem() {
        let mut seen = BTreeSet::new();
        for _ in 0..1000 {
            let value = Unique::next();
            let uuid = String::from_utf8(value.uuid().to_vec()).expect("text");
            let parts: Vec<usize> = uuid.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12]);
            assert_eq!(&uuid[14..15], "8");
            assert!("89ab".contains(&uuid[19..20]));
            assert!(value.digits()[0] != b'0');
            assert!(seen.insert(uuid));
        }
    }
}
