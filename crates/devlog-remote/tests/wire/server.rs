//! A server on loopback that answers as a test tells it to, faults included.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The target without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// `PUT`, or `POST ?uploads`: enough to tell the calls of S3 apart.
    pub(crate) fn is(&self, method: &str, part_of_target: &str) -> bool {
        self.method == method && self.target.contains(part_of_target)
    }
}

/// What the server does with a request.
pub(crate) enum Reply {
    /// Answers.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// Begins the answer, sends so many bytes of the body and resets the connection.
    BreakOff { headers: Vec<(&'static str, String)>, body: Vec<u8>, after: usize },
    /// Answers 200 in chunks, without a word on the length.
    Chunked { headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// Resets the connection without a word.
    Reset,
    /// Never answers.
    Silence,
}

pub(crate) fn answer(status: u16, body: &str) -> Reply {
    Reply::Answer { status, headers: Vec::new(), body: body.into() }
}

/// An answer that carries an object's version.
pub(crate) fn stored(e_tag: &str) -> Reply {
    Reply::Answer { status: 200, headers: vec![("ETag", e_tag.into())], body: Vec::new() }
}

pub(crate) fn error(status: u16, code: &str) -> Reply {
    answer(
        status,
        &format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>as told</Message></Error>"),
    )
}

pub(crate) fn slow_down(retry_after_s: u32) -> Reply {
    match error(503, "SlowDown") {
        Reply::Answer { status, body, .. } => {
            Reply::Answer { status, headers: vec![("Retry-After", retry_after_s.to_string())], body }
        }
        other => other,
    }
}

/// A running server; its requests, in the order of their arrival.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    seen: Arc<Mutex<Vec<Request>>>,
    running: JoinHandle<()>,
}

impl Server {
    /// Starts; `script` answers each request, whose number from 0 comes with it.
    pub(crate) async fn start(script: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (script, log) = (Arc::new(script), Arc::clone(&seen));
        let running = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                tokio::spawn(async move {
                    serve(connection, |request| {
                        let mut log = log.lock().unwrap();
                        log.push(request.clone());
                        script(log.len() - 1, &request)
                    })
                    .await
                });
            }
        });
        Self { endpoint, seen, running }
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// How many requests so far were of a kind.
    pub(crate) fn count(&self, kind: impl Fn(&Request) -> bool) -> usize {
        self.seen.lock().unwrap().iter().filter(|request| kind(request)).count()
    }

    /// Stops listening; the answer is where nobody listens now.
    pub(crate) async fn stop(self) -> String {
        self.running.abort();
        let _ = self.running.await;
        self.endpoint
    }
}

async fn serve(connection: TcpStream, script: impl Fn(Request) -> Reply) -> Option<()> {
    let mut connection = BufReader::new(connection);
    loop {
        let request = read_request(&mut connection).await?;
        let is_head = request.method == "HEAD";
        match script(request) {
            Reply::Answer { status, headers, body } => {
                let length = format!("Content-Length: {}\r\n", body.len());
                connection.write_all(head(status, &headers, &length).as_bytes()).await.ok()?;
                if !is_head {
                    connection.write_all(&body).await.ok()?;
                }
            }
            Reply::Chunked { headers, body } => {
                let head = head(200, &headers, "Transfer-Encoding: chunked\r\n");
                let size = format!("{:x}\r\n", body.len());
                let whole = [head.as_bytes(), size.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
                connection.write_all(&whole).await.ok()?;
            }
            Reply::BreakOff { headers, body, after } => {
                let status = if headers.iter().any(|(name, _)| *name == "Content-Range") { 206 } else { 200 };
                let length = format!("Content-Length: {}\r\n", body.len());
                connection.write_all(head(status, &headers, &length).as_bytes()).await.ok()?;
                connection.write_all(&body[..after]).await.ok()?;
                connection.flush().await.ok()?;
                // Lets what was sent arrive: a reset may overtake it.
                tokio::time::sleep(Duration::from_millis(100)).await;
                return None;
            }
            Reply::Reset => {
                let _ = connection.get_ref().set_zero_linger();
                return None;
            }
            Reply::Silence => std::future::pending().await,
        }
    }
}

fn head(status: u16, headers: &[(&'static str, String)], length: &str) -> String {
    let mut head = format!("HTTP/1.1 {status} Told\r\n{length}");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head + "\r\n"
}

async fn read_request(connection: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ').map(str::to_owned);
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut request = Request { method: first.next()?, target: first.next()?, headers, body: Vec::new() };
    if request.header("expect").is_some() {
        connection.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.ok()?;
    }
    let len = request.header("content-length").and_then(|len| len.parse().ok()).unwrap_or(0);
    request.body.resize(len, 0);
    connection.read_exact(&mut request.body).await.ok()?;
    Some(request)
}
