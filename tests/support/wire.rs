//! A server of raw bytes: whatever it is asked for, it does one wrong thing with the connection.
//! Only its path of readiness is answered as it should be.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// The path that is answered well.
pub(crate) const READY: &str = "/ready";

/// What is done with a connection once its first request has come.
pub(crate) type Deed = fn(&mut Client) -> std::io::Result<()>;

/// A server that is up until it is dropped.
pub(crate) struct Wire {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

/// The other end of a connection.
pub(crate) struct Client {
    stream: TcpStream,
    stopped: Arc<AtomicBool>,
}

impl Wire {
    pub(crate) fn start(deed: Deed) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let stopped = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&stopped);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ends.load(Ordering::Relaxed) {
                    break;
                }
                let stopped = Arc::clone(&ends);
                let client = Client { stream, stopped };
                // How a connection ends is what the test looks at, from its other end.
                thread::spawn(move || client.serve(deed));
            }
        });
        Self { address, stopped }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // The listener looks up at the next connection.
        let _ = TcpStream::connect(self.address);
    }
}

impl Client {
    fn serve(mut self, deed: Deed) -> std::io::Result<()> {
        self.stream.set_nodelay(true)?;
        self.stream
            .set_write_timeout(Some(Duration::from_secs(5)))?;
        while let Some(request) = self.request()? {
            if request.starts_with(&format!("GET {READY} ")) {
                self.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?;
            } else {
                deed(&mut self)?;
            }
        }
        Ok(())
    }

    /// The head of the next request, which has no body; nothing once the client has gone.
    fn request(&mut self) -> std::io::Result<Option<String>> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if self.stream.read(&mut byte)? == 0 {
                return Ok(None);
            }
            head.push(byte[0]);
        }
        Ok(Some(String::from_utf8_lossy(&head).into_owned()))
    }

    pub(crate) fn send(&mut self, text: &str) -> std::io::Result<()> {
        self.stream.write_all(text.as_bytes())
    }

    /// The same text until the client or the test has had enough.
    pub(crate) fn send_forever(&mut self, text: &str, pause: Duration) -> std::io::Result<()> {
        while !self.stopped.load(Ordering::Relaxed) {
            self.send(text)?;
            thread::sleep(pause);
        }
        self.close()
    }

    /// Nothing, for as long as there is somebody to wait.
    pub(crate) fn wait(&mut self) -> std::io::Result<()> {
        let mut heard = [0; 1024];
        while self.stream.read(&mut heard)? > 0 {}
        self.close()
    }

    pub(crate) fn close(&mut self) -> std::io::Result<()> {
        self.stream.shutdown(std::net::Shutdown::Both)
    }
}
