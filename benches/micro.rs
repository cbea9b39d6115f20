//! What the core costs, without a socket: `cargo bench -p meet-signal-benches`.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use meet_signal_benches::{Participant, broadcast, hub, join, meta, room, signal};
use meet_signal_core::{
    Hub, Permissions,
    message::{ClientMessage, ServerMessage},
    testing::{Input, Member, Newcomer, Room, ids},
};

/// The size of a session description with a few m-lines, in bytes.
const DESCRIPTION: usize = 2 * 1024;

/// The size of a chat message, in bytes.
const CHAT: usize = 200;

fn parse(c: &mut Criterion) {
    let hub = hub();
    let to = join(&hub, room(0)).id();
    let text = signal(to, DESCRIPTION);
    let mut group = c.benchmark_group("parse");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("signal of 2 KiB", |b| {
        b.iter(|| ClientMessage::parse(black_box(&text)).expect("a message"));
    });
    group.finish();
}

/// From the sender's frame to the batch for the receiver's socket.
fn relay(c: &mut Criterion) {
    let hub = hub();
    let (mut a, mut b) = (join(&hub, room(0)), join(&hub, room(0)));
    let text = signal(b.id(), DESCRIPTION);
    a.drain();
    c.bench_function("relay/2 KiB in a room of 2", |bencher| {
        bencher.iter(|| {
            a.send(&text);
            assert_eq!(b.drain(), 1);
        });
    });
}

/// The state machine alone: no lock, no outbox.
fn state_machine(c: &mut Criterion) {
    let frame = ServerMessage::Ping { received: 0 }.encode();
    let mut group = c.benchmark_group("room");
    for others in [2, 64] {
        let mut state = Room::new(1_000);
        for n in 0..=others as u32 {
            let (permissions, ticket) = (Permissions::default(), ids::ticket(n));
            let member = Member::new(ids::peer(n), meta(), permissions, ticket);
            // The effects are not measured.
            let _ = state.apply(Input::Join(Newcomer::new(member))).expect("there is space");
        }
        let ids: Vec<_> = state.roster().iter().map(|member| member.id).collect();
        let (from, to) = (ids[0], ids[others]);
        group.bench_function(format!("signal, {others} others"), |b| {
            b.iter(|| state.apply(Input::Signal { from, to, frame: frame.clone() }));
        });
        group.bench_function(format!("broadcast, {others} others"), |b| {
            b.iter(|| state.apply(Input::Broadcast { from, frame: frame.clone() }));
        });
    }
    group.finish();
}

/// An outbox, drained in one batch.
fn drain(c: &mut Criterion) {
    let mut group = c.benchmark_group("drain");
    for frames in [1, 16, 128] {
        let hub = hub();
        let (mut a, mut b) = (join(&hub, room(0)), join(&hub, room(0)));
        let text = signal(b.id(), CHAT);
        a.drain();
        group.throughput(Throughput::Elements(frames));
        group.bench_function(format!("{frames} frames"), |bencher| {
            bencher.iter_batched(
                || (0..frames).for_each(|_| a.send(&text)),
                |()| assert_eq!(b.drain() as u64, frames),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn fan_out(c: &mut Criterion) {
    let mut group = c.benchmark_group("fan-out");
    for others in [8, 64] {
        let hub = hub();
        let mut sender = join(&hub, room(0));
        let mut receivers = fill(&hub, others);
        let text = broadcast(CHAT);
        group.throughput(Throughput::Elements(others as u64));
        group.bench_function(format!("to {others}"), |bencher| {
            bencher.iter(|| {
                sender.send(&text);
                assert_eq!(receivers.iter_mut().map(Participant::drain).sum::<usize>(), others);
            });
        });
        sender.drain();
    }
    group.finish();
}

/// A first join and its leave, beside other rooms.
fn join_and_leave(c: &mut Criterion) {
    let mut group = c.benchmark_group("join");
    for rooms in [10, 100_000] {
        let hub = hub();
        let _others: Vec<_> = (1..=rooms).map(|number| join(&hub, room(number))).collect();
        group.bench_function(format!("and leave, beside {rooms} rooms"), |bencher| {
            let room = room(0);
            bencher.iter(|| drop(join(&hub, room.clone())));
        });
    }
    group.finish();
}

fn fill(hub: &Hub, count: usize) -> Vec<Participant> {
    let mut participants: Vec<_> = (0..count).map(|_| join(hub, room(0))).collect();
    for participant in &mut participants {
        participant.drain();
    }
    participants
}

criterion_group!(benches, parse, state_machine, relay, drain, fan_out, join_and_leave);
criterion_main!(benches);
