//! From the start of a send to the waiting receiver's answer, across processes.

use std::{
    collections::BTreeSet,
    os::unix::net::UnixDatagram,
    path::Path,
    sync::{
        Arc, Barrier, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    client::Client,
    figures::{Figures, row},
    text,
};

/// A check that waits.
pub(crate) const WAIT: &str = r#"{"wait_seconds":3600}"#;

/// Long enough for a receiver to be asleep again.
const ASLEEP: Duration = Duration::from_millis(20);

/// One sender and one receiver, then eight of each.
pub(crate) fn measure(commit: &Figures) {
    let folder = tempfile::tempdir().unwrap();
    let datagram = datagrams(folder.path(), 500);
    row("floor: bare datagram to a sleeping thread", &datagram, None);
    let seen = one_at_a_time(500);
    row("send → in the waiting receiver's answer", &seen, None);
    let [commit, datagram, whole] = [commit, &datagram, &seen].map(|figures| figures.quantile(0.5));
    println!("{:<42} {:.2}× the floor (two commits and a datagram)", "", whole / (2.0 * commit + datagram));
    eight_and_eight("8 senders, 8 receivers, 50/s each", Some(Duration::from_millis(20)));
    eight_and_eight("8 senders, 8 receivers, as fast as it goes", None);
}

/// One byte to a thread that sleeps in `recv`.
fn datagrams(folder: &Path, count: usize) -> Figures {
    let path = folder.join("bell");
    let (bell, hand) = (UnixDatagram::bind(&path).unwrap(), UnixDatagram::unbound().unwrap());
    let (rung, heard): (Sender<Instant>, Receiver<Instant>) = channel();
    let listener = thread::spawn(move || {
        for _ in 0..count {
            bell.recv(&mut [0]).unwrap();
            rung.send(Instant::now()).unwrap();
        }
    });
    let mut figures = Figures::default();
    for _ in 0..count {
        thread::sleep(ASLEEP / 10);
        let started = Instant::now();
        hand.send_to(&[1], &path).unwrap();
        figures.push(heard.recv().unwrap() - started);
    }
    listener.join().unwrap();
    figures
}

fn one_at_a_time(count: usize) -> Figures {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, mut b) = Client::pair(folder.path());
    let (got, came): (Sender<Instant>, Receiver<Instant>) = channel();
    let receiver = thread::spawn(move || {
        for _ in 0..count {
            b.ask("check_messages", WAIT);
            let answer = b.answer();
            got.send(Instant::now()).unwrap();
            let messages = &answer["result"]["structuredContent"]["messages"];
            assert_eq!(messages.as_array().map(Vec::len), Some(1));
        }
    });
    let mut figures = Figures::default();
    for n in 0..count {
        thread::sleep(ASLEEP);
        let started = Instant::now();
        a.send(&text(n));
        figures.push(came.recv().unwrap() - started);
    }
    receiver.join().unwrap();
    figures
}

/// Every pair is a conversation of its own, all on one file, for three seconds.
fn eight_and_eight(name: &str, every: Option<Duration>) {
    let folder = tempfile::tempdir().unwrap();
    let start = Arc::new(Barrier::new(8));
    let pairs: Vec<_> = (0..8)
        .map(|_| {
            let (path, start) = (folder.path().to_path_buf(), Arc::clone(&start));
            thread::spawn(move || pair(&path, &start, every))
        })
        .collect();
    let mut all = Figures::default();
    for pair in pairs {
        all.merge(pair.join().unwrap());
    }
    row(name, &all, None);
}

fn pair(path: &Path, start: &Barrier, every: Option<Duration>) -> Figures {
    let (mut a, b) = Client::pair(path);
    let sent: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let starts = Arc::clone(&sent);
    start.wait();
    let receiver = thread::spawn(move || receive(b, &starts));
    let began = Instant::now();
    let mut count = 0_u32;
    while began.elapsed() < Duration::from_secs(3) {
        if let Some(every) = every {
            thread::sleep((every * count).saturating_sub(began.elapsed()));
        }
        sent.lock().unwrap().push(Instant::now());
        a.send(&text(count as usize));
        count += 1;
    }
    a.send("that is all");
    let (figures, seen) = receiver.join().unwrap();
    assert_eq!(seen, count as usize, "a message was lost, or came twice unflagged");
    figures
}

/// Receives until the last message; returns how long each took and how many there were.
fn receive(mut b: Client, starts: &Mutex<Vec<Instant>>) -> (Figures, usize) {
    let (mut figures, mut seen) = (Figures::default(), BTreeSet::new());
    loop {
        let answer = b.call("check_messages", WAIT);
        let now = Instant::now();
        for message in answer["result"]["structuredContent"]["messages"].as_array().unwrap() {
            assert_eq!(message["redelivered"], false);
            if message["message"] == "that is all" {
                return (figures, seen.len());
            }
            let seq = message["seq"].as_u64().unwrap() as usize;
            assert!(seen.insert(seq), "twice");
            figures.push(now - starts.lock().unwrap()[seq - 1]);
        }
    }
}
