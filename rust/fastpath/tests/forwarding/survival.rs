//! A loader that is killed, and an interface that goes and comes.

use std::process::{Child, Command, Stdio};
use std::{env, fs, io, thread};

use fastpath::{Fastpath, Hook};

use super::net::{ip, Net};
use super::{flow, relayed, rtp, settings};

/// What the loader is told by.
const LOADER: &str = "FARLINE_FASTPATH_LOADER";

/// Not a test: the process that is killed. It settles both flows and says so.
#[test]
#[ignore = "started by the test that kills it"]
fn loader() {
    let instance = env::var(LOADER).expect("told");
    let fastpath = Fastpath::start(&settings(&instance, Hook::Auto)).expect("a fast path");
    for flow in [flow(true), flow(false)] {
        fastpath.settle(&flow).expect("settled");
    }
    println!("settled");
    loop {
        thread::park();
    }
}

fn start_loader(net: &Net) -> Child {
    let child = net.within("r", || {
        Command::new(env::current_exe().expect("this program"))
            .args(["--exact", "survival::loader", "--ignored", "--nocapture"])
            .env(LOADER, &net.name)
            .stdout(Stdio::piped())
            .spawn()
    });
    let mut child = child.expect("started");
    let out = io::BufReader::new(child.stdout.take().expect("piped"));
    let mut lines = io::BufRead::lines(out);
    let said = lines.any(|line| line.is_ok_and(|line| line.contains("settled")));
    assert!(said, "the loader has settled");
    child
}

#[test]
fn flows_outlive_a_killed_loader_and_the_next_process_takes_them_over() {
    let Some(net) = Net::new() else {
        return;
    };
    let (v4, v6) = (flow(true), flow(false));
    let phones = [v4, v6].map(|one| net.socket("a", &one.key.remote.to_string()));
    let offices = [v4, v6].map(|one| net.socket("b", &one.to.to_string()));
    let mut child = start_loader(&net);
    relayed(&phones[0], &v4, &offices[0], &rtp(1)).expect("relayed");
    child.kill().expect("killed");
    child.wait().expect("gone");
    relayed(&phones[0], &v4, &offices[0], &rtp(2)).expect("relayed without a loader");
    relayed(&phones[1], &v6, &offices[1], &rtp(2)).expect("relayed without a loader");

    let fastpath = net.start(Hook::Auto);
    let mut left = fastpath.orphans();
    left.sort_by_key(|key| key.local.is_ipv6());
    assert_eq!(left, [v4.key, v6.key]);
    fastpath.settle(&v4).expect("settled again");
    assert_eq!(
        fastpath.count(&v4.key).expect("there").packets,
        2,
        "counters are kept"
    );
    assert_eq!(fastpath.forget_orphans(), 1);
    relayed(&phones[0], &v4, &offices[0], &rtp(3)).expect("relayed");
    let relay = net.socket("r", &v6.key.local.to_string());
    relayed(&phones[1], &v6, &relay, &rtp(3)).expect("came up");

    drop(fastpath);
    let relay = net.socket("r", &v4.key.local.to_string());
    relayed(&phones[0], &v4, &relay, &rtp(4)).expect("came up");
    let pins = fs::read_dir("/sys/fs/bpf/farline").expect("the BPF file system");
    let ours = pins
        .flatten()
        .filter(|one| one.file_name().to_string_lossy().starts_with(&net.name));
    assert_eq!(ours.count(), 0, "an orderly end leaves no pins");
}

#[test]
fn an_interface_that_comes_back_is_served_again() {
    let Some(net) = Net::new() else {
        return;
    };
    let fastpath = net.start(Hook::Auto);
    ip(&format!("-n {}r link del r1", net.name));
    fastpath.maintain().expect("the kernel's routing answers");
    let (ours, theirs) = (format!("{}r", net.name), format!("{}a", net.name));
    ip(&format!(
        "link add r1 netns {ours} type veth peer name p0 netns {theirs}"
    ));
    for (space, device, host) in [(ours, "r1", 1), (theirs, "p0", 2)] {
        ip(&format!(
            "-n {space} addr add 10.91.1.{host}/24 dev {device}"
        ));
        ip(&format!("-n {space} link set {device} up"));
    }
    // Attaching goes by the name in the namespace of the thread that asks.
    net.within("r", || fastpath.maintain())
        .expect("the kernel's routing answers");
    fastpath.settle(&flow(true)).expect("settled");
    let phone = net.socket("a", "10.91.1.2:5000");
    let office = net.socket("b", "10.91.2.2:6000");
    relayed(&phone, &flow(true), &office, &rtp(1)).expect("relayed");
}
