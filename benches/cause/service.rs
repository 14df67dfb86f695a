//! The same service in Rust: `FAULT=NAME:FACTOR` makes one of its functions slower.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

fn main() {
    let address = std::env::args().nth(1).expect("an address");
    for stream in TcpListener::bind(address).expect("a port").incoming() {
        std::thread::spawn(move || answer(stream.expect("a connection")));
    }
}

fn rounds(function: &str, usual: f64) -> u64 {
    let fault = std::env::var("FAULT").unwrap_or_default();
    match fault.split_once(':') {
        Some((name, factor)) if name == function => {
            (usual * factor.parse::<f64>().expect("a factor")) as u64
        }
        _ => usual as u64,
    }
}

fn answer(mut stream: TcpStream) {
    let rounds = [
        rounds("parse", 100_000.0),
        rounds("query", 200_000.0),
        rounds("serialize", 200_000.0),
    ];
    let mut bytes = [0; 4096];
    while stream.read(&mut bytes).is_ok_and(|read| read > 0) {
        let sum = parse(rounds[0]) ^ query(rounds[1]) ^ serialize(rounds[2]);
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n";
        if stream.write_all(format!("{head}{sum:020}").as_bytes()).is_err() {
            break;
        }
    }
}

#[inline(never)]
fn parse(rounds: u64) -> u64 {
    (0..rounds).fold(1, |sum, it| black_box(sum ^ it).wrapping_mul(31))
}

#[inline(never)]
fn query(rounds: u64) -> u64 {
    (0..rounds).fold(2, |sum, it| black_box(sum ^ it).wrapping_mul(37))
}

#[inline(never)]
fn serialize(rounds: u64) -> u64 {
    (0..rounds).fold(3, |sum, it| black_box(sum ^ it).wrapping_mul(41))
}
