//! In place of the kernels of `low`, on processors for which there are none.

use super::BLOCK_LEN;
use super::block::ROUNDS;

type Block = [u8; BLOCK_LEN];
type Keys = [u32; ROUNDS];

/// Nothing: there is no such value.
#[derive(Clone, Copy)]
pub(super) enum Engine {}

impl Engine {
    pub(super) fn get() -> Option<Self> {
        None
    }

    pub(super) fn expand(self, _: &Block, _: &mut Keys) {
        match self {}
    }

    pub(super) fn crypt(self, _: &Keys, _: &mut Block) {
        match self {}
    }

    pub(super) fn cbc(self, _: &Keys, _: &mut Block, _: &mut [Block]) {
        match self {}
    }

    pub(super) fn crypt_blocks(self, _: &Keys, _: &mut [Block]) {
        match self {}
    }

    pub(super) fn set_keys(self, _: &mut [[u32; 16]; ROUNDS], _: usize, _: &Keys) {
        match self {}
    }

    pub(super) fn crypt_each(self, _: &[[u32; 16]; ROUNDS], _: &mut [Block; 16], _: usize) {
        match self {}
    }

    pub(super) fn ctr(self, _: &Keys, _: u128, _: &mut [Block]) {
        match self {}
    }
}

/// Nothing: there is no such value.
#[derive(Clone, Copy)]
pub(super) enum GhashEngine {}

/// What there would be to prepare.
pub(super) type Powers = [u128; 0];

impl GhashEngine {
    pub(super) fn get() -> Option<Self> {
        None
    }

    pub(super) fn prepare(self, _: &Block) -> Powers {
        match self {}
    }

    pub(super) fn absorb(self, _: &Powers, _: &mut u128, _: &[Block]) {
        match self {}
    }
}
