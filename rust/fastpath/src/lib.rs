//! The fast path: settled RTP flows relayed by a program in the kernel.
//!
//! The relay says which flows are settled ([`Fastpath::settle`]) and when they no longer are
//! ([`Fastpath::withdraw`]); everything else comes up to it as if there were no fast path. Program
//! and tables are pinned, so that what is settled goes on when this process is killed; the next one
//! of the same instance takes them over.
#![deny(unsafe_code)]

mod netlink;
#[cfg(test)]
#[allow(unsafe_code)]
mod packets;
mod place;
#[allow(unsafe_code)]
mod pod;
mod program;
mod table;
mod types;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use netlink::{Changes, Netlink};
use program::Program;
use table::Table;

pub use types::{Count, Flow, FlowKey, Refusal};

/// How the program is attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hook {
    /// tcx where the kernel has it (6.6), a clsact filter otherwise.
    #[default]
    Auto,
    /// A clsact filter.
    Clsact,
    /// As `Auto`, and XDP in the driver besides: for network cards, not for veth.
    Xdp,
}

/// What a fast path is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Names the pins: the same over a restart, another for each deployment on a machine.
    pub instance: String,
    /// The addresses of the media interfaces.
    pub addresses: Vec<IpAddr>,
    /// How to attach.
    pub hook: Hook,
}

/// Why there is no fast path.
#[derive(Debug)]
pub enum Unavailable {
    /// Built without clang.
    NotBuilt,
    /// The media interfaces are on loopback.
    Loopback,
    /// No Ethernet interface has the address of a media interface.
    NoInterface,
    /// The kernel does not take the program, or this process may not load it.
    Load(aya::EbpfError),
    /// The kernel does not take the program, or not on this interface.
    Program(aya::programs::ProgramError),
    /// The program cannot be held to an interface.
    Link(aya::programs::links::LinkError),
    /// The program cannot be pinned.
    Pin(aya::pin::PinError),
    /// The BPF file system, or routing, cannot be had.
    System(io::Error),
}

impl fmt::Display for Unavailable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt => out.write_str("built without clang"),
            Self::Loopback => out.write_str("loopback"),
            Self::NoInterface => out.write_str("no Ethernet interface has a media address"),
            Self::Load(error) => write!(out, "{}", Chain(error)),
            Self::Program(error) => write!(out, "{}", Chain(error)),
            Self::Link(error) => write!(out, "{}", Chain(error)),
            Self::Pin(error) => write!(out, "{}", Chain(error)),
            Self::System(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                write!(out, "no privilege (CAP_BPF, CAP_NET_ADMIN): {error}")
            }
            Self::System(error) => write!(out, "{error}"),
        }
    }
}

/// An error with its causes, in one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.0.to_string();
        out.write_str(first.lines().next().unwrap_or_default())?;
        match self.0.source() {
            Some(cause) => write!(out, ": {}", Chain(cause)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Unavailable {}

impl From<aya::EbpfError> for Unavailable {
    fn from(error: aya::EbpfError) -> Self {
        Self::Load(error)
    }
}

impl From<aya::programs::ProgramError> for Unavailable {
    fn from(error: aya::programs::ProgramError) -> Self {
        Self::Program(error)
    }
}

impl From<aya::programs::links::LinkError> for Unavailable {
    fn from(error: aya::programs::links::LinkError) -> Self {
        Self::Link(error)
    }
}

impl From<io::Error> for Unavailable {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

struct Inside {
    // Before the table: the program lets go of the interfaces first.
    program: Program,
    table: Table,
    changes: Changes,
}

/// The handle of a fast path; dropping it takes the program off and removes the pins.
pub struct Fastpath {
    inside: Mutex<Inside>,
    directory: PathBuf,
    addresses: Vec<IpAddr>,
}

impl Fastpath {
    /// Loads the program, attaches it to the interfaces that have the addresses and takes over what
    /// an earlier process of this instance left, which goes on meanwhile.
    ///
    /// # Errors
    /// Whatever stands in the way; the relay then serves alone.
    pub fn start(settings: &Settings) -> Result<Self, Unavailable> {
        if settings.addresses.iter().all(IpAddr::is_loopback) {
            return Err(Unavailable::Loopback);
        }
        let changes = Changes::new()?;
        let netlink = Netlink::new()?;
        let version = fastpath_abi::VERSION;
        let directory = place::prepare(&format!("{}-{version}", settings.instance))?;
        let (program, maps) = Program::load(&directory, settings.hook)?;
        let table = Table::new(maps, netlink);
        let fastpath = Self {
            inside: Mutex::new(Inside {
                program,
                table,
                changes,
            }),
            directory,
            addresses: settings.addresses.clone(),
        };
        let attached = fastpath.inside().attach(&fastpath.addresses)?;
        if attached == 0 {
            return Err(Unavailable::NoInterface);
        }
        fastpath.inside().table.reroute();
        fastpath.inside().table.renew();
        Ok(fastpath)
    }

    /// Has the kernel relay a flow. Settled once more, a flow keeps its counters.
    ///
    /// # Errors
    /// Why this flow stays with the relay.
    pub fn settle(&self, flow: &Flow) -> Result<(), Refusal> {
        let all = [flow.key.local, flow.key.remote, flow.from, flow.to];
        if all.iter().any(|at| at.is_ipv4() != all[0].is_ipv4()) {
            return Err(Refusal::Families);
        }
        self.inside().table.settle(flow)
    }

    /// Gives a flow back to the relay, with what was counted; None: it was not settled.
    pub fn withdraw(&self, key: &FlowKey) -> Option<Count> {
        self.inside().table.withdraw(key)
    }

    /// What a settled flow has counted so far.
    pub fn count(&self, key: &FlowKey) -> Option<Count> {
        self.inside().table.count(key)
    }

    /// The flows that an earlier process left and nobody has settled since.
    #[must_use]
    pub fn orphans(&self) -> Vec<FlowKey> {
        self.inside().table.orphans().to_vec()
    }

    /// Ends the flows that an earlier process left and nobody has settled since; says how many.
    pub fn forget_orphans(&self) -> usize {
        self.inside().table.forget_orphans()
    }

    /// How many flows are settled.
    #[must_use]
    pub fn flows(&self) -> usize {
        self.inside().table.len()
    }

    /// To be called once a second: renews what is known of next hops, follows changes of interfaces,
    /// addresses and routes.
    ///
    /// # Errors
    /// The kernel's routing does not answer; the next call tries again.
    pub fn maintain(&self) -> Result<(), Unavailable> {
        let mut inside = self.inside();
        if inside.changes.any() {
            inside.attach(&self.addresses)?;
            inside.table.reroute();
        }
        inside.table.renew();
        Ok(())
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        // The tables are whole after every step.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// Attaches to every Ethernet interface that has one of the addresses; says how many those are.
    fn attach(&mut self, addresses: &[IpAddr]) -> Result<usize, Unavailable> {
        let found = self.table.addresses()?;
        let links = self.table.learn_links()?;
        let ours = |index| {
            let mut here = found.iter().filter(|(_, at)| *at == index);
            here.any(|(ip, _)| addresses.contains(ip))
        };
        let ethernet = links.iter().filter(|link| link.ethernet.is_some());
        let wanted: Vec<_> = ethernet
            .filter(|link| ours(link.index))
            .map(|link| link.name.clone())
            .collect();
        self.program
            .retain(|name| wanted.iter().any(|one| one == name));
        for name in &wanted {
            self.program.attach(name)?;
        }
        Ok(wanted.len())
    }
}

impl Drop for Fastpath {
    fn drop(&mut self) {
        // The kernel lets go of a program a while after its last pin is gone: its table is empty then.
        self.inside().table.clear();
        self.inside().program.detach();
        // A pin that cannot be removed is taken over, and emptied, by the next process.
        drop(place::clear(&self.directory));
    }
}
