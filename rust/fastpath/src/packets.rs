//! The program run on packets in memory (BPF_PROG_TEST_RUN): nothing is attached or sent.

mod counting;
mod frames;
mod relaying;
mod rig;
mod unusual;
