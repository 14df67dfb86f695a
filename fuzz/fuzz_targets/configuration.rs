#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| perfgate_fuzz::configuration(bytes));
