//! Operators: who may do what, and what takes two of them.

mod matrix;
mod proposals;
mod reviews;

use super::*;
use crate::domain::operators::Role;

pub(super) const ADA: [u8; 32] = [1; 32];
pub(super) const BEN: [u8; 32] = [2; 32];
pub(super) const REA: [u8; 32] = [3; 32];
pub(super) const ROB: [u8; 32] = [4; 32];
pub(super) const AUD: [u8; 32] = [5; 32];
pub(super) const PLAIN: [u8; 32] = [6; 32];
pub(super) const GONE: [u8; 32] = [7; 32];
pub(super) const STRANGER: [u8; 32] = [8; 32];

async fn enrol_as(world: &World, device: [u8; 32]) {
    let code = code(world, 1).await;
    world
        .devices
        .enrol(caller(Some(DeviceId::from_bytes(device))), &code, name("device"), None)
        .await
        .unwrap();
}

async fn grant(world: &World, device: [u8; 32], who: &str, role: Role) -> Result<(), crate::domain::Error> {
    world.grants.grant(&DeviceId::from_bytes(device), name(who), role).await.map(drop)
}

async fn withdraw(world: &World, device: [u8; 32]) {
    world.grants.withdraw(&DeviceId::from_bytes(device), None).await.unwrap();
}

/// A world with two administrators, two reviewers, an auditor, one who was withdrawn, and a device without a role.
pub(super) async fn staffed() -> World {
    let world = World::new().await;
    staff(&world).await;
    world
}

/// They come to a world that there is.
pub(super) async fn staff(world: &World) {
    for device in [ADA, BEN, REA, ROB, AUD, PLAIN, GONE] {
        enrol_as(world, device).await;
    }
    for (device, who, role) in [
        (ADA, "Ada", Role::Administrator),
        (BEN, "Ben", Role::Administrator),
        (REA, "Rea", Role::Reviewer),
        (ROB, "Rob", Role::Reviewer),
        (AUD, "Aud", Role::Auditor),
        (GONE, "Gone", Role::Administrator),
    ] {
        grant(world, device, who, role).await.unwrap();
    }
    withdraw(world, GONE).await;
}

pub(super) async fn post_as(
    world: &World,
    device: [u8; 32],
    path: &str,
    once: Option<&str>,
    body: &Value,
) -> (StatusCode, Value) {
    let mut request = posting(path, Some(device));
    if let Some(once) = once {
        request = request.header("idempotency-key", once);
    }
    send(world, request.body(Body::from(body.to_string())).unwrap()).await
}
