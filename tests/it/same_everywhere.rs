//! What must come out the same on this machine and in a browser. The same file is a part of `tests/it` and of
//! `tests/web_worker.rs`, with the values written down, so that both are held to them.

use kafkarium::base::rng::Rng;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn a_seed_draws_the_same_numbers() {
    let mut rng = Rng::new(42).fork("network");
    let drawn: Vec<u64> = std::iter::repeat_with(|| rng.next_u64()).take(3).collect();
    assert_eq!(
        drawn,
        [9_357_590_328_381_374_130, 7_659_057_224_676_659_415, 2_032_951_243_388_322_325]
    );
}
