use sha2::{Digest, Sha256};

/// First 16 hexadecimal digits of the SHA-256 of some bytes: enough to keep settings and build
/// folders apart.
pub fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let start = hash.first_chunk().expect("the hash has 32 bytes");
    format!("{:016x}", u64::from_be_bytes(*start))
}

#[cfg(test)]
mod tests {
    #[test]
    fn digest_is_the_start_of_sha_256() {
        assert_eq!(super::digest(b"abc"), "ba7816bf8f01cfea");
    }
}
