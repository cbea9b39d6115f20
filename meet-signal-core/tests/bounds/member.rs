//! A hostile member against one that reads slowly, or is away.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use meet_signal_core::{CloseReason, Hub, JoinRequest, Session};
use proptest::{collection::vec, prelude::*};
use serde_json::json;

use crate::{Member, hub, meta, room, try_join};

/// The actions of a hostile member within a fifth of a second.
#[derive(Debug, Clone)]
enum Act {
    /// This many messages of this size to the victim.
    Signal(usize, usize),
    /// This many messages of this size to all.
    Broadcast(usize, usize),
    /// This many updates with a `meta` of this size.
    Update(usize, usize),
    /// This many malformed messages.
    Malformed(usize),
    /// This many other peers that join with a `meta` of this size, and leave.
    Join(usize, usize),
    /// Loses its socket, and resumes.
    Return,
}

fn act() -> impl Strategy<Value = Act> {
    let size = prop_oneof![2..100_usize, 2..5_000_usize, 2..65_000_usize];
    let meta = prop_oneof![Just(2_usize), Just(4096_usize)];
    prop_oneof![
        4 => (1..600_usize, size.clone()).prop_map(|(count, size)| Act::Signal(count, size)),
        4 => (1..600_usize, size).prop_map(|(count, size)| Act::Broadcast(count, size)),
        2 => (1..100_usize, meta.clone()).prop_map(|(count, meta)| Act::Update(count, meta)),
        1 => (1..3_usize).prop_map(Act::Malformed),
        2 => (1..100_usize, meta).prop_map(|(count, meta)| Act::Join(count, meta)),
        1 => Just(Act::Return),
    ]
}

/// The actions of the hostile member, repeated if needed.
fn acts() -> impl Strategy<Value = Vec<Act>> {
    vec(act(), 1..12)
}

/// A room with a hostile member, a victim that reads slowly, and an honest member that sends to the
/// victim.
struct Scene {
    hub: Hub,
    now: Instant,
    hostile: Option<Member>,
    victim: Member,
    honest: Member,
    /// How many messages the honest member has sent, and how many of them the victim has received.
    sent: u64,
    received: u64,
    read: u64,
}

impl Scene {
    fn new() -> Self {
        let hub = hub(|limits| limits);
        let now = Instant::now();
        let mut hosts = 1..=3;
        // The honest and the hostile member have different addresses.
        let mut join = || {
            let address = hosts.next().map(|host| [192, 0, 2, host].into());
            try_join(&hub, &room(), JoinRequest::default().address(address), now)
                .expect("there is room")
        };
        let (hostile, victim, honest) = (Some(join()), join(), join());
        Self { hub, now, hostile, victim, honest, sent: 0, received: 0, read: 0 }
    }

    fn act(&mut self, act: &Act) {
        let to = self.victim.session.id();
        let text = "x".repeat(match act {
            Act::Signal(_, size) | Act::Broadcast(_, size) | Act::Update(_, size) => size - 2,
            _ => 0,
        });
        let (count, message) = match act {
            Act::Signal(count, _) => (*count, json!({"type": "signal", "to": to, "data": text})),
            Act::Broadcast(count, _) => (*count, json!({"type": "broadcast", "data": text})),
            Act::Update(count, _) => (*count, json!({"type": "update", "meta": text})),
            Act::Malformed(count) => (*count, json!("nonsense")),
            Act::Join(count, size) => {
                let address = Some([192, 0, 2, 1].into());
                for _ in 0..*count {
                    let request = JoinRequest::new(meta(*size)).address(address);
                    drop(try_join(&self.hub, &room(), request, self.now));
                }
                return;
            }
            Act::Return => {
                let Some(hostile) = &mut self.hostile else { return };
                hostile.session.away(self.now);
                let back = self.hub.resume(&room(), &hostile.ticket, 0, self.now);
                if let Ok(session) = back {
                    (*hostile, _) = Member::new(session);
                }
                return;
            }
        };
        let message = message.to_string();
        for _ in 0..count.min((1 << 17) / message.len()).max(1) {
            let Some(hostile) = &mut self.hostile else { return };
            // Whether it reads makes no difference.
            let _ = hostile.take_all();
            match hostile.session.receive(&message, self.now) {
                ControlFlow::Continue(()) => {}
                // It joins again with fresh limits, as an application permits it.
                ControlFlow::Break(_) => {
                    self.hostile = None;
                    let request = JoinRequest::default().address(Some([192, 0, 2, 1].into()));
                    self.hostile = try_join(&self.hub, &room(), request, self.now).ok();
                }
            }
        }
    }

    /// The honest member sends to the victim, alternately by `signal` and `broadcast`, and is never
    /// refused.
    fn send(&mut self, bytes: usize) {
        let data = json!([self.sent, "x".repeat(bytes)]);
        let message = match self.sent % 2 {
            0 => json!({"type": "signal", "to": self.victim.session.id(), "data": data}),
            _ => json!({"type": "broadcast", "data": data}),
        };
        self.sent += 1;
        assert!(self.honest.session.receive(&message.to_string(), self.now).is_continue());
        let frames = self.honest.take_all().expect("it reads all frames");
        let refused = frames.iter().find(|frame| {
            // The hostile member may have no space for a broadcast, which is correct.
            let is_broadcast = self.sent.is_multiple_of(2);
            frame["type"] == "error" && !(is_broadcast && frame["code"] == "peer-unreachable")
        });
        assert_eq!(refused, None);
    }

    /// The victim reads up to this many bytes.
    fn read(&mut self, credit: &mut usize) {
        while *credit > 0 {
            let frames = self.victim.take(1).expect("a connection that goes on");
            let Some(frame) = frames.first() else { return *credit = 0 };
            *credit = credit.saturating_sub(frame.to_string().len());
            self.count(frame);
            self.read += 1;
            if self.read.is_multiple_of(32) {
                let ack = json!({"type": "ack", "received": 0}).to_string();
                assert!(self.victim.session.receive(&ack, self.now).is_continue());
            }
        }
    }

    fn count(&mut self, frame: &serde_json::Value) {
        if frame["from"] == json!(self.honest.session.id()) {
            assert_eq!(frame["data"][0], self.received, "all, in order");
            self.received += 1;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Whatever one member sends, a member that reads 64 KiB/s keeps its connection and gets all
    /// frames of the others.
    #[test]
    fn a_member_that_reads_64_kib_a_second_misses_nothing_of_the_others(acts in acts()) {
        let mut scene = Scene::new();
        let fifth = Duration::from_millis(200);
        for act in acts.iter().cycle().take(5 * 30) {
            scene.act(act);
            scene.send(800);
            scene.read(&mut (64 * 1024 / 5));
            scene.now += fifth;
        }
        scene.read(&mut (1 << 30));
        prop_assert_eq!(scene.received, scene.sent);
    }

    /// Whatever one member sends, a member that is away for a while gets all frames of the others
    /// when it resumes.
    #[test]
    fn a_member_that_is_away_misses_nothing_of_the_others(acts in acts()) {
        let mut scene = Scene::new();
        let ack = json!({"type": "ack", "received": 0}).to_string();
        assert!(scene.victim.session.receive(&ack, scene.now).is_continue());
        let had = scene.victim.take_all().unwrap();
        scene.victim.session.away(scene.now);
        for (n, act) in acts.iter().cycle().take(5 * 20).enumerate() {
            scene.act(act);
            if n % 2 == 0 {
                scene.send(200);
            }
            scene.now += Duration::from_millis(200);
        }
        let (hub, victim) = (&scene.hub, &scene.victim);
        let received = had.len() as u64;
        let session =
            hub.resume(&room(), &victim.ticket, received, scene.now).expect("the session exists");
        let (victim, welcome) = Member::new(session);
        prop_assert_eq!(&welcome["resumed"], "full");
        scene.victim = victim;
        for frame in scene.victim.take_all().unwrap() {
            scene.count(&frame);
        }
        prop_assert_eq!(scene.received, scene.sent);
    }
}

#[test]
fn nine_large_broadcasts_end_no_connection() {
    let hub = hub(|limits| limits);
    let now = Instant::now();
    let mut sender = crate::join(&hub, now);
    let receivers: Vec<_> = (0..15).map(|_| crate::join(&hub, now)).collect();
    let message = json!({"type": "broadcast", "data": "x".repeat(65_000)}).to_string();
    for _ in 0..9 {
        assert_eq!(sender.session.receive(&message, now), ControlFlow::Continue(()));
    }
    assert_eq!(sender.errors(), vec!["peer-unreachable"; 7]);
    for receiver in receivers {
        let frames = receiver.take_all().expect("its connection goes on");
        assert_eq!(frames.iter().filter(|frame| frame["type"] == "broadcast").count(), 2);
    }
}

#[test]
fn bytes_over_the_rate_are_refused_and_far_over_it_end_the_connection() {
    let hub = hub(|limits| limits.bad_messages(1_000));
    let now = Instant::now();
    let [mut sender, other] = [crate::join(&hub, now), crate::join(&hub, now)];
    let message = json!({"type": "signal", "to": other.session.id(), "data": "x".repeat(60_000)});
    let message = message.to_string();
    let send = |session: &mut Session| {
        drop(other.take_all());
        session.receive(&message, now)
    };
    let within = 1024 * 1024 / message.len();
    for _ in 0..2 * within {
        assert_eq!(send(&mut sender.session), ControlFlow::Continue(()));
    }
    assert_eq!(sender.errors(), vec!["rate-limited"; within]);
    assert_eq!(send(&mut sender.session), ControlFlow::Break(CloseReason::Flood));
    // Frames that reduce the server's work are not refused, but count.
    let mut sender = crate::join(&hub, now);
    for n in 0..2 * within {
        let ack = json!({"type": "ack", "received": 0, "x": "x".repeat(60_000)}).to_string();
        let end = sender.session.receive(&ack, now);
        assert_eq!(end, ControlFlow::Continue(()), "{n}");
    }
    assert_eq!(sender.errors(), Vec::<String>::new());
}

#[test]
fn updates_have_a_rate_of_their_own_by_their_size() {
    let hub = hub(|limits| limits.updates_per_minute(10).rate_burst(1_000));
    let start = Instant::now();
    let [mut member, other] = [crate::join(&hub, start), crate::join(&hub, start)];
    let mut update = |bytes: usize, now| {
        let message = format!(r#"{{"type":"update","meta":"{}"}}"#, "x".repeat(bytes - 2));
        assert_eq!(member.session.receive(&message, now), ControlFlow::Continue(()));
        member.errors()
    };
    assert!(update(1023, start).is_empty());
    assert!(update(4096, start).is_empty());
    assert!(update(3000, start).is_empty());
    assert!(update(2, start).is_empty());
    assert_eq!(update(2, start), ["rate-limited"]);
    let later = start + Duration::from_secs(6);
    assert!(update(2, later).is_empty());
    assert_eq!(update(2, later), ["rate-limited"]);
    let updated = other.take_all().unwrap();
    assert_eq!(updated.iter().filter(|frame| frame["type"] == "updated").count(), 5);
}
