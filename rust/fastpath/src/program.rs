//! The program: loaded, attached to interfaces, and pinned.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aya::maps::{Array, HashMap, MapData};
use aya::programs::links::{FdLink, LinkOrder, PinnedLink};
use aya::programs::tc::{
    qdisc_add_clsact, NlOptions, SchedClassifierLink, SchedClassifierLinkId, TcAttachOptions,
};
use aya::programs::xdp::XdpLinkId;
use aya::programs::{SchedClassifier, TcAttachType, Xdp, XdpFlags};
use aya::{Ebpf, EbpfError, EbpfLoader};
use fastpath_abi::{Flow, Hop, Key4, Key6};

use crate::pod::Plain;
use crate::{Hook, Unavailable};

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/relay.bpf.o"));

/// Where our filter stands among an interface's (clsact): a place of its own, found again after a crash.
const FILTER: NlOptions = NlOptions {
    priority: 0xfa51,
    handle: 0xfa51,
};

/// The program's maps.
pub struct Maps {
    pub flows4: HashMap<MapData, Plain<Key4>, Plain<Flow>>,
    pub flows6: HashMap<MapData, Plain<Key6>, Plain<Flow>>,
    pub hops: Array<MapData, Plain<Hop>>,
}

/// What holds the program to an interface.
enum Hold {
    /// Pinned: it outlives this process.
    Tcx(PathBuf),
    /// A filter: it outlives this process by itself.
    Clsact(SchedClassifierLinkId),
}

/// The loaded program.
pub struct Program {
    ebpf: Ebpf,
    directory: PathBuf,
    hook: Hook,
    holds: BTreeMap<String, Hold>,
    xdp: BTreeMap<String, XdpLinkId>,
}

impl Program {
    /// Loads the program; maps that are pinned in the directory are used again.
    pub fn load(directory: &Path, hook: Hook) -> Result<(Self, Maps), Unavailable> {
        if OBJECT.is_empty() {
            return Err(Unavailable::NotBuilt);
        }
        let mut ebpf = EbpfLoader::new()
            .map_pin_path(directory)
            .load(OBJECT)
            .map_err(Unavailable::from)?;
        classifier(&mut ebpf)?.load()?;
        if hook == Hook::Xdp {
            xdp(&mut ebpf)?.load()?;
        }
        let mut take = |name: &str| ebpf.take_map(name).ok_or(Unavailable::NotBuilt);
        let maps = Maps {
            flows4: HashMap::try_from(take("flows4")?).map_err(EbpfError::from)?,
            flows6: HashMap::try_from(take("flows6")?).map_err(EbpfError::from)?,
            hops: Array::try_from(take("hops")?).map_err(EbpfError::from)?,
        };
        let program = Self {
            ebpf,
            directory: directory.to_owned(),
            hook,
            holds: BTreeMap::new(),
            xdp: BTreeMap::new(),
        };
        Ok((program, maps))
    }

    /// Attaches to an interface where it is not yet, or takes an earlier process's place there.
    pub fn attach(&mut self, interface: &str) -> Result<(), Unavailable> {
        if self.holds.contains_key(interface) {
            return Ok(());
        }
        let tcx = match self.hook {
            Hook::Clsact => None,
            Hook::Auto | Hook::Xdp => self.attach_tcx(interface).ok(),
        };
        let hold = match tcx {
            Some(path) => Hold::Tcx(path),
            None => Hold::Clsact(self.attach_clsact(interface)?),
        };
        self.holds.insert(interface.to_owned(), hold);
        if self.hook == Hook::Xdp {
            self.attach_xdp(interface)?;
        }
        Ok(())
    }

    /// Forgets an interface that is gone; the kernel has let go of the program by itself.
    pub fn retain(&mut self, interfaces: impl Fn(&str) -> bool) {
        let gone = self.holds.keys().filter(|name| !interfaces(name)).cloned();
        for name in gone.collect::<Vec<_>>() {
            if let Some(Hold::Tcx(path)) = self.holds.remove(&name) {
                // A pin of a link without an interface does nothing; a later `attach` replaces it.
                drop(std::fs::remove_file(path));
            }
            self.xdp.remove(&name);
        }
    }

    fn attach_tcx(&mut self, interface: &str) -> Result<PathBuf, Unavailable> {
        let path = self.directory.join(format!("link-{interface}"));
        let program = classifier(&mut self.ebpf)?;
        if path.exists() {
            let pinned = PinnedLink::from_pin(&path)?;
            let link = SchedClassifierLink::try_from(FdLink::from(pinned));
            if link.is_ok_and(|link| program.attach_to_link(link).is_ok()) {
                return Ok(path);
            }
            // Of an interface that is gone, and bore the same name.
            std::fs::remove_file(&path).map_err(Unavailable::System)?;
        }
        let order = TcAttachOptions::TcxOrder(LinkOrder::default());
        let number = program.attach_with_options(interface, TcAttachType::Ingress, order)?;
        let link = FdLink::try_from(program.take_link(number)?)?;
        link.pin(&path).map_err(Unavailable::Pin)?;
        Ok(path)
    }

    fn attach_clsact(&mut self, interface: &str) -> Result<SchedClassifierLinkId, Unavailable> {
        // It is there already, of ours or of somebody else: filters share it.
        drop(qdisc_add_clsact(interface));
        let program = classifier(&mut self.ebpf)?;
        let NlOptions { priority, handle } = FILTER;
        let kind = TcAttachType::Ingress;
        let old = SchedClassifierLink::attached(interface, kind, priority, handle);
        if let Ok(number) = program.attach_to_link(old.map_err(Unavailable::System)?) {
            return Ok(number);
        }
        let options = TcAttachOptions::Netlink(FILTER);
        Ok(program.attach_with_options(interface, kind, options)?)
    }

    fn attach_xdp(&mut self, interface: &str) -> Result<(), Unavailable> {
        let program = xdp(&mut self.ebpf)?;
        let number = program.attach(interface, XdpFlags::DRV_MODE)?;
        self.xdp.insert(interface.to_owned(), number);
        Ok(())
    }

    /// Takes the program off every interface.
    pub fn detach(&mut self) {
        let holds = std::mem::take(&mut self.holds);
        let Ok(program) = classifier(&mut self.ebpf) else {
            return;
        };
        for hold in holds.into_values() {
            // An interface that is gone has no program either.
            match hold {
                Hold::Tcx(path) => drop(std::fs::remove_file(path)),
                Hold::Clsact(number) => drop(program.detach(number)),
            }
        }
    }
}

fn classifier(ebpf: &mut Ebpf) -> Result<&mut SchedClassifier, Unavailable> {
    found(ebpf.program_mut("relay_tc"))?
        .try_into()
        .map_err(Unavailable::Program)
}

fn xdp(ebpf: &mut Ebpf) -> Result<&mut Xdp, Unavailable> {
    found(ebpf.program_mut("relay_xdp"))?
        .try_into()
        .map_err(Unavailable::Program)
}

fn found<T>(program: Option<T>) -> Result<T, Unavailable> {
    program.ok_or(Unavailable::NotBuilt)
}

#[cfg(test)]
impl Program {
    /// For tests that run the program on packets of their own.
    pub fn classifier_fd(&mut self) -> std::os::fd::BorrowedFd<'_> {
        use std::os::fd::AsFd;
        let program = classifier(&mut self.ebpf).expect("in the object");
        program.fd().expect("loaded").as_fd()
    }

    /// The same for XDP's.
    pub fn xdp_fd(&mut self) -> std::os::fd::BorrowedFd<'_> {
        use std::os::fd::AsFd;
        let program = xdp(&mut self.ebpf).expect("in the object");
        program.fd().expect("loaded").as_fd()
    }
}
