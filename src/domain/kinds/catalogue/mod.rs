//! The rows of the catalogue, one file a group. A row's channel says which links may carry it:
//! kinds that the same authorities exchange share one, and a blind transit learns no more of them.

mod assistance;
mod companion;
mod cooperation;
mod functions;
mod information;
mod police;
mod protection;
mod sea;

use super::Kind;

const GROUPS: [&[Kind]; 7] = [
    &assistance::ROWS,
    &cooperation::ROWS,
    &police::ROWS,
    &sea::ROWS,
    &information::ROWS,
    &protection::ROWS,
    &companion::ROWS,
];

/// Every kind there is.
pub static CATALOGUE: [Kind; 53] = gather();

const fn gather() -> [Kind; 53] {
    let mut rows = [assistance::ROWS[0]; 53];
    let (mut at, mut group) = (0, 0);
    while group < GROUPS.len() {
        let mut row = 0;
        while row < GROUPS[group].len() {
            rows[at] = GROUPS[group][row];
            at += 1;
            row += 1;
        }
        group += 1;
    }
    assert!(at == rows.len(), "every row has its place");
    rows
}
