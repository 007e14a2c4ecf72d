//! Programs that talk to other machines: what they bring, what they take away, and shells at the end of a line.

use super::{
    Refusal,
    command::Call,
    paths, refuse,
    value::{Taint, Value},
    wrappers::{after_options, joined},
};

/// Programs that write what they fetch to their standard output.
const FETCHERS: [&str; 26] = [
    "curl",
    "wget",
    "wget2",
    "fetch",
    "aria2c",
    "axel",
    "http",
    "https",
    "httpie",
    "xh",
    "lwp-request",
    "lwp-download",
    "GET",
    "lynx",
    "w3m",
    "links",
    "elinks",
    "ftp",
    "tftp",
    "sftp",
    "scp",
    "dig",
    "nslookup",
    "host",
    "drill",
    "curlie",
];

/// Programs that connect their input and output to another machine.
const PEERS: [&str; 9] =
    ["nc", "ncat", "netcat", "nc.openbsd", "nc.traditional", "socat", "telnet", "pwncat", "websocat"];

/// Programs that let others in through a tunnel.
const TUNNELS: [&str; 14] = [
    "ngrok",
    "chisel",
    "frpc",
    "bore",
    "autossh",
    "sshuttle",
    "localtunnel",
    "lt",
    "gost",
    "ligolo",
    "iodine",
    "dnscat",
    "dnscat2",
    "inlets",
];

/// Whether a program connects its input and output to another machine.
pub(super) fn is_peer(name: &str) -> bool {
    PEERS.contains(&name)
}

/// Whether a program writes what it fetches.
pub(super) fn is_fetcher(name: &str) -> bool {
    FETCHERS.contains(&name) || is_peer(name)
}

/// Refuses shells at the end of a line, tunnels, and secrets on their way out.
pub(super) fn check(call: &Call<'_>, input: &Value) -> Result<(), Refusal> {
    if TUNNELS.contains(&call.name)
        || (call.name == "cloudflared" && call.arguments.iter().any(|one| one.text == "tunnel"))
    {
        return refuse("tunnel", format!("`{}` lets others into this machine; leave it", call.name));
    }
    match call.name {
        "socat" => {
            let runs = |one: &Value| {
                let text = one.text.to_ascii_lowercase();
                ["exec:", "system:", "shell:", "tun:", "tun,"].iter().any(|kind| text.starts_with(kind))
            };
            if call.arguments.iter().any(runs) {
                return listener(call.name);
            }
        }
        name if is_peer(name) => {
            let runs = call.has('e', "exec")
                || call.has('c', "sh-exec")
                || call.options().any(|one| one.starts_with("--lua-exec"));
            if runs && name != "telnet" && name != "websocat" {
                return listener(name);
            }
        }
        "ssh" | "slogin" => ssh(call)?,
        "xterm"
            if call.has('\0', "display")
                || call.arguments.iter().any(|one| one.text.starts_with("-display")) =>
        {
            return listener(call.name);
        }
        _ => {}
    }
    leaving(call, input)
}

fn listener(name: &str) -> Result<(), Refusal> {
    refuse("reverse-shell", format!("`{name}` gives a shell to another machine; run the commands here"))
}

fn ssh(call: &Call<'_>) -> Result<(), Refusal> {
    const VALUED: &str = "BbcDEeFIiJLlmOopQRSWw";
    let mut words = call.arguments.iter();
    let mut hosts = 0;
    while let Some(word) = words.next().map(|word| word.text.as_str()) {
        if !word.starts_with('-') {
            hosts += 1;
            if hosts > 1 {
                return Ok(());
            }
            continue;
        }
        for (index, letter) in word.char_indices().skip(1) {
            if "RDLw".contains(letter) {
                return refuse(
                    "tunnel",
                    "this opens a way into or out of this machine; leave out the forwarding",
                );
            }
            if VALUED.contains(letter) {
                let apart = index + 1 == word.len();
                let value = if apart {
                    words.next().map(Value::shown)
                } else {
                    word.get(index + 1..).map(str::to_owned)
                };
                let value = value.unwrap_or_default().to_ascii_lowercase();
                if letter == 'o'
                    && [
                        "proxycommand",
                        "localcommand",
                        "remoteforward",
                        "localforward",
                        "dynamicforward",
                        "permitlocalcommand",
                        "knownhostscommand",
                    ]
                    .iter()
                    .any(|key| value.starts_with(key))
                {
                    return refuse(
                        "tunnel",
                        "this option makes ssh run a command or open a way in; leave it out",
                    );
                }
                break;
            }
        }
    }
    Ok(())
}

/// What a program is told to run on the other machine.
pub(super) fn remote(call: &Call<'_>) -> Option<Value> {
    if call.name != "ssh" {
        return None;
    }
    let valued = ["-p", "-i", "-l", "-o", "-F", "-J", "-b", "-c", "-E", "-m", "-S", "-W"];
    let rest = after_options(call.arguments, &valued, 1);
    (!rest.is_empty()).then(|| joined(rest))
}

/// Refuses to send secrets away.
fn leaving(call: &Call<'_>, input: &Value) -> Result<(), Refusal> {
    let sends = is_fetcher(call.name)
        || matches!(
            call.name,
            "ssh"
                | "mail"
                | "mailx"
                | "sendmail"
                | "mutt"
                | "rsync"
                | "rclone"
                | "aws"
                | "gsutil"
                | "openssl"
                | "ping"
                | "git"
        );
    if !sends || (call.name == "openssl" && !call.arguments.iter().any(|one| one.text == "s_client")) {
        return Ok(());
    }
    let secret = input.taint == Some(Taint::Secret) && call.name != "git";
    let named = |one: &Value| {
        let text = one.text.rsplit(['@', '=', '<']).next().unwrap_or_default();
        one.taint == Some(Taint::Secret) || (paths::is_secret(text) && !text.contains("://"))
    };
    // A key that ssh logs in with is not sent.
    let used: &[&str] = match call.name {
        "curl" => &["--cert", "--key", "--cacert", "-E", "--netrc-file", "-K"],
        _ => &["-i", "-F", "-E"],
    };
    let mut previous = "";
    let sent = call.arguments.iter().any(|one| {
        let sent = !used.contains(&previous) && named(one);
        previous = &one.text;
        sent
    });
    if secret || sent {
        return refuse(
            "exfiltration",
            format!("`{}` would send secrets to another machine; leave them here", call.name),
        );
    }
    Ok(())
}
