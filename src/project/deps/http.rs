//! Requests to hubs and for archives: the system's certificates, proxies of the environment, timeouts, repeats.

use std::io::Read;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Error, Proxy};

use super::netrc::Netrc;
use crate::project::Env;

/// How often a wait looks whether the user wants to stop.
const PATIENCE: Duration = Duration::from_millis(50);
/// Between the attempts of a request that failed for a reason that may pass.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(250), Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];
/// In seconds; `DBT_HTTP_TIMEOUT` sets another.
const TIMEOUT: f64 = 30.0;
/// Bundles of certificates that companies name for curl and for Python's requests, which dbt uses. `SSL_CERT_FILE` is
/// read with the system's certificates.
const BUNDLES: [&str; 2] = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/// Why a request gave nothing.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    Cancelled,
    Status(u16),
    UnknownHost,
    Refused(String),
    Timeout,
    Certificate(String),
    TooLarge(u64),
    Other(String),
}

impl Failure {
    /// How often it is worth to try again.
    fn repeats(&self) -> usize {
        match self {
            Self::Status(408 | 425 | 429 | 500..) | Self::Timeout | Self::Other(_) => PAUSES.len(),
            Self::UnknownHost | Self::Refused(_) => 1,
            Self::Cancelled | Self::Status(_) | Self::Certificate(_) | Self::TooLarge(_) => 0,
        }
    }

    /// What happened, for the first line of an error.
    pub(super) fn reason(&self, url: &str) -> String {
        let host = host(url);
        match self {
            Self::Cancelled => "it was stopped".to_owned(),
            Self::Status(status) => format!("the server answered {status}"),
            Self::UnknownHost => format!("the host `{host}` is not known"),
            Self::Refused(why) => format!("no connection to `{host}` ({why})"),
            Self::Timeout => format!("`{host}` did not answer in time"),
            Self::Certificate(why) => format!("the certificate of `{host}` is not trusted ({why})"),
            Self::TooLarge(limit) => format!("it is larger than {} MB", limit >> 20),
            Self::Other(why) => why.clone(),
        }
    }

    /// What the user can do about it.
    pub(super) fn help(&self) -> &'static str {
        match self {
            Self::UnknownHost | Self::Refused(_) => {
                "check the network; behind a proxy, set HTTPS_PROXY; installed packages are used without a network"
            }
            Self::Timeout => "try again; DBT_HTTP_TIMEOUT allows more seconds",
            Self::Certificate(_) => "name your company's certificates: SSL_CERT_FILE=/path/to/bundle.pem",
            Self::Status(401 | 403) => "the address needs a login, or a token that may read it",
            Self::Status(404) => "check the address",
            Self::Status(407) => "the proxy needs a login: HTTPS_PROXY=http://user:password@proxy:port",
            _ => "try again",
        }
    }
}

/// The name of the server in a URL.
pub(super) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority.rsplit('@').next().unwrap_or(authority)
}

/// Sends requests. Waits end when `cancelled` says so.
pub(super) struct Http<'a> {
    secure: Agent,
    plain: Agent,
    netrc: Netrc,
    cancelled: &'a (dyn Fn() -> bool + Sync),
}

impl<'a> Http<'a> {
    pub(super) fn new(env: &Env, cancelled: &'a (dyn Fn() -> bool + Sync)) -> Self {
        let seconds = env.option("HTTP_TIMEOUT").and_then(|text| text.parse().ok());
        let seconds: f64 = seconds.filter(|seconds: &f64| seconds.is_finite() && *seconds > 0.0).unwrap_or(TIMEOUT);
        let timeout = Some(Duration::from_secs_f64(seconds));
        let agent = |scheme: &str| {
            let config = Agent::config_builder()
                .http_status_as_error(true)
                .user_agent(format!("headwater/{}", crate::VERSION))
                .tls_config(TlsConfig::builder().root_certs(certificates(env)).build())
                .proxy(proxy(env, scheme))
                .timeout_resolve(timeout)
                .timeout_connect(timeout)
                .timeout_recv_response(timeout)
                .timeout_per_read(timeout);
            Agent::new_with_config(config.build())
        };
        Self { secure: agent("https"), plain: agent("http"), netrc: Netrc::of(env), cancelled }
    }

    /// The body of an address, at most `limit` bytes of it.
    pub(super) fn get(&self, url: &str, limit: u64) -> Result<Vec<u8>, Failure> {
        let mut attempt = 0;
        loop {
            match self.once(url, limit) {
                Err(failure) if attempt < failure.repeats() => self.pause(PAUSES[attempt])?,
                done => return done,
            }
            attempt += 1;
        }
    }

    /// The request runs on a thread of its own, because nothing else can end the wait for a socket.
    fn once(&self, url: &str, limit: u64) -> Result<Vec<u8>, Failure> {
        let agent = if url.starts_with("http://") { self.plain.clone() } else { self.secure.clone() };
        let (address, login) = (url.to_owned(), self.login(url));
        let (sender, receiver) = channel();
        let request = move || {
            // Nobody may be waiting any more.
            let _ = sender.send(fetch(&agent, &address, login.as_deref(), limit));
        };
        thread::Builder::new().spawn(request).map_err(|error| Failure::Other(error.to_string()))?;
        loop {
            match receiver.recv_timeout(PATIENCE) {
                Ok(done) => return done,
                Err(RecvTimeoutError::Timeout) if (self.cancelled)() => return Err(Failure::Cancelled),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Failure::Other("the request broke off".to_owned())),
            }
        }
    }

    /// What `~/.netrc` says of the host, as `Authorization`; a login in the address comes first.
    fn login(&self, url: &str) -> Option<String> {
        use base64::Engine as _;
        let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?', '#']).next()?;
        let name = host(url).rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let name = name.map_or(host(url), |(name, _)| name);
        let (login, password) = self.netrc.login(name).filter(|_| !authority.contains('@'))?;
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{login}:{password}"));
        Some(format!("Basic {pair}"))
    }

    fn pause(&self, pause: Duration) -> Result<(), Failure> {
        let end = Instant::now() + pause;
        while Instant::now() < end {
            if (self.cancelled)() {
                return Err(Failure::Cancelled);
            }
            thread::sleep(PATIENCE);
        }
        Ok(())
    }
}

fn fetch(agent: &Agent, url: &str, login: Option<&str>, limit: u64) -> Result<Vec<u8>, Failure> {
    let request = agent.get(url);
    // It is not sent on to where the server leads.
    let request = match login {
        Some(login) => request.header("Authorization", login),
        None => request,
    };
    let mut response = request.call().map_err(failure)?;
    let mut body = Vec::new();
    let reader = response.body_mut().with_config().limit(u64::MAX).reader();
    reader.take(limit + 1).read_to_end(&mut body).map_err(|error| failure(Error::from(error)))?;
    if body.len() as u64 > limit { Err(Failure::TooLarge(limit)) } else { Ok(body) }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::StatusCode(status) => Failure::Status(status),
        Error::HostNotFound => Failure::UnknownHost,
        Error::Timeout(_) => Failure::Timeout,
        Error::Rustls(error) => Failure::Certificate(error.to_string()),
        Error::Tls(why) => Failure::Certificate(why.to_owned()),
        // Not the address itself: there may be a login in it.
        Error::BadUri(_) | Error::Http(_) => Failure::Other("it is no address".to_owned()),
        Error::ConnectionFailed => Failure::Refused("no address answers".to_owned()),
        Error::Io(error) if is_unknown_host(&error.to_string()) => Failure::UnknownHost,
        Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => Failure::Timeout,
        // rustls wraps what it found wrong in an I/O error.
        Error::Io(error) if error.to_string().contains("certificate") => Failure::Certificate(error.to_string()),
        Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Failure::Refused("it is refused".to_owned())
        }
        error => Failure::Other(error.to_string()),
    }
}

/// The system's resolver has no error code of its own in Rust: Linux and macOS, Windows.
fn is_unknown_host(text: &str) -> bool {
    ["failed to lookup address", "No such host is known"].iter().any(|words| text.contains(words))
}

/// The bundle that the environment names, else the system's certificates; where a machine has none (small containers),
/// those of Mozilla, which are built in.
fn certificates(env: &Env) -> RootCerts {
    let bundle = BUNDLES.iter().filter_map(|name| env.get(name)).find(|path| !path.is_empty());
    let named = bundle.and_then(|path| std::fs::read(path).ok()).map(|pem| {
        let items = parse_pem(&pem).filter_map(Result::ok);
        items.filter_map(|item| if let PemItem::Certificate(found) = item { Some(found) } else { None }).collect()
    });
    match named {
        Some(found) if !Vec::is_empty(&found) => RootCerts::new_with_certs(&found),
        _ if system_has_certificates(env) => RootCerts::PlatformVerifier,
        _ => RootCerts::WebPki,
    }
}

/// macOS and Windows keep theirs themselves.
fn system_has_certificates(env: &Env) -> bool {
    let usual =
        ["/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/ssl/cert.pem", "/etc/ca-certificates", "/system/etc/security"];
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| env.get(name).is_some_and(|path| !path.is_empty()));
    let filled = |path: &&str| match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => std::path::Path::new(path).is_file(),
    };
    cfg!(any(windows, target_os = "macos")) || named || usual.iter().any(filled)
}

/// The proxy for a scheme, with the hosts that go without it.
fn proxy(env: &Env, scheme: &str) -> Option<Proxy> {
    let upper = format!("{}_PROXY", scheme.to_uppercase());
    // Upper-case HTTP_PROXY is not read: a web server sets it from a request's header.
    let names = match scheme {
        "http" => vec!["http_proxy".to_owned()],
        _ => vec![upper.to_lowercase(), upper],
    };
    let names = names.into_iter().chain(["all_proxy".to_owned(), "ALL_PROXY".to_owned()]);
    let address = names.filter_map(|name| env.get(&name).map(str::to_owned)).find(|address| !address.is_empty())?;
    let parsed = Proxy::new(&address).ok()?;
    let mut builder = Proxy::builder(parsed.protocol()).host(parsed.host()).port(parsed.port());
    if let Some(username) = parsed.username() {
        builder = builder.username(username);
    }
    if let Some(password) = parsed.password() {
        builder = builder.password(password);
    }
    let without = env.get("no_proxy").or_else(|| env.get("NO_PROXY")).unwrap_or_default();
    for host in without.split(',').map(str::trim).filter(|host| !host.is_empty()) {
        builder = builder.no_proxy(host);
        // As everywhere else, a name means the hosts below it too.
        if !host.starts_with(['*', '.']) {
            builder = builder.no_proxy(&format!(".{host}"));
        }
    }
    builder.build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_come_from_the_environment() {
        let env = Env::from([("HTTPS_PROXY", "http://me:pw@proxy.corp:3128"), ("NO_PROXY", "corp.example, .local")]);
        let found = proxy(&env, "https").unwrap();
        assert_eq!((found.host(), found.port(), found.username()), ("proxy.corp", 3128, Some("me")));
        let goes_without = |url: &str| found.is_no_proxy(&url.parse().unwrap());
        assert!(goes_without("https://corp.example/x") && goes_without("https://hub.corp.example/x"));
        assert!(!goes_without("https://hub.getdbt.com/x"));
        assert!(proxy(&env, "http").is_none());
        assert!(proxy(&Env::from([("ALL_PROXY", "http://p:1")]), "http").is_some());
    }

    #[test]
    fn hosts_are_named_without_logins() {
        assert_eq!(host("https://user:token@git.corp/x.git"), "git.corp");
        assert_eq!(host("https://hub.getdbt.com/"), "hub.getdbt.com");
    }
}
