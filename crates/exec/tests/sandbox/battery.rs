//! The battery: one hostile program, one probe per line, in every tier.

use std::{
    fs::File,
    net::{TcpListener, UdpSocket},
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixListener},
    },
    path::{Path, PathBuf},
    process::Command,
};

use mab_exec::{Profile, Tier};

use crate::bench::{Space, one, run, sandbox};

/// What T1 leaves open: names outside can be looked at. T2 leaves nothing.
const OPEN: [(Tier, &[&str]); 2] = [(Tier::Landlock, &["stat", "chdir"]), (Tier::Bubblewrap, &[])];

#[test]
fn battery_when_run_finds_open_what_is_known_and_nothing_else() {
    let build = tempfile::tempdir().unwrap();
    let Some(program) = compile(build.path()) else {
        println!("SKIPPED: there is no C compiler for the battery");
        return;
    };
    for (tier, known) in OPEN {
        let Some(sandbox) = sandbox(tier) else { continue };
        let outside = Outside::new();
        let space = Space::new();
        std::os::unix::fs::symlink(outside.space.path.join("secret"), space.path.join("link")).unwrap();
        let tools = vec![build.path().to_owned()];
        // T1 only takes what does not write.
        let profile = match tier {
            Tier::Landlock => Profile { readable: tools, ..space.reading() },
            Tier::Bubblewrap | Tier::Container(_) => Profile { readable: tools, ..space.writing() },
        };
        let words = outside.words(&program, &space.path);
        let ran = run(&*sandbox, &one(&words.iter().map(String::as_str).collect::<Vec<_>>()), &profile);
        let open: Vec<_> = ran.stdout.lines().filter_map(|line| line.strip_prefix("open ")).collect();
        let denied = ran.stdout.lines().filter(|line| line.starts_with("denied ")).count();
        assert_eq!(open, known, "{tier}: {ran:?}");
        assert_eq!(open.len() + denied, PROBES, "{tier}: {ran:?}");
        assert_eq!(outside.space.read("secret").as_deref(), Some("secret"));
        assert_eq!(outside.space.read("victim").as_deref(), Some("victim"));
    }
}

#[test]
fn battery_when_run_without_a_sandbox_finds_everything_it_could_open_to_be_open() {
    let build = tempfile::tempdir().unwrap();
    let Some(program) = compile(build.path()) else { return };
    let outside = Outside::new();
    let space = Space::new();
    std::os::unix::fs::symlink(outside.space.path.join("secret"), space.path.join("link")).unwrap();
    let words = outside.words(&program, &space.path);
    let output =
        command(&words[0]).args(&words[1..]).arg("reach only").current_dir(&space.path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for name in
        ["read", "write", "rename", "read_through_link", "chmod", "tcp_connect", "udp_send", "unix_socket"]
    {
        assert!(text.contains(&format!("open {name}\n")), "{name}: {text}");
    }
    for name in ["abstract_socket", "signal", "environment", "process_memory"] {
        assert!(text.contains(&format!("open {name}\n")), "{name}: {text}");
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn calls_by_the_numbers_of_another_abi_when_made_end_the_process() {
    let build = tempfile::tempdir().unwrap();
    let Some(program) = compile(build.path()) else { return };
    for tier in [Tier::Landlock, Tier::Bubblewrap] {
        let Some(sandbox) = sandbox(tier) else { continue };
        let space = Space::new();
        let profile = Profile { readable: vec![build.path().to_owned()], ..space.reading() };
        let ran = run(&*sandbox, &one(&[program.to_str().unwrap(), "x32"]), &profile);
        assert_eq!(ran.code(), 128 + 31, "{tier}: {ran:?}"); // SIGSYS
    }
}

const PROBES: usize = 37;

/// What lies outside, within reach of who is not held.
struct Outside {
    space: Space,
    tcp: TcpListener,
    udp: u16,
    name: String,
    _sockets: [UnixListener; 2],
}

impl Outside {
    fn new() -> Self {
        let space = Space::new();
        space.write("secret", "secret");
        space.write("victim", "victim");
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = udp.local_addr().unwrap().port();
        std::thread::spawn(move || {
            while let Ok((_, from)) = udp.recv_from(&mut [0]) {
                drop(udp.send_to(b"y", from));
            }
        });
        let name = format!("mab{}", space.path.display());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let sockets = [
            UnixListener::bind(space.path.join("socket")).unwrap(),
            UnixListener::bind_addr(&address).unwrap(),
        ];
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { space, tcp, udp: port, name, _sockets: sockets }
    }

    fn words(&self, program: &Path, space: &Path) -> Vec<String> {
        vec![
            program.display().to_string(),
            self.space.path.display().to_string(),
            space.display().to_string(),
            std::process::id().to_string(),
            self.tcp.local_addr().unwrap().port().to_string(),
            self.udp.to_string(),
            self.name.clone(),
        ]
    }
}

fn compile(folder: &Path) -> Option<PathBuf> {
    let program = folder.join("probes");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox/probes.c");
    let log = File::create(folder.join("log")).unwrap();
    let built = command("cc").arg("-w").arg("-o").arg(&program).arg(source).stderr(log).status().ok()?;
    assert!(built.success(), "{}", std::fs::read_to_string(folder.join("log")).unwrap());
    Some(program)
}

#[expect(clippy::disallowed_methods, reason = "a test builds and runs its own program")]
fn command(program: &str) -> Command {
    Command::new(program)
}
