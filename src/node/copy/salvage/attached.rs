//! What can be saved of attachments: the files that messages have, and what lies as it came.

use super::{Lost, Salvage, told};
use crate::domain::attachment::AttachmentRef;
use crate::domain::header::{Header, MessageKey, MessageMark};
use crate::envelope::attachment;
use crate::journal::files::{FileId, Files};
use crate::journal::slots::Slots;
use crate::journal::store::Store;
use crate::node::attachments::carried::{self, Shelf};
use crate::node::copy::{CopyFault, Item};
use crate::node::{attachments, content, travelling};

impl<S: Store> Salvage<'_, '_, S> {
    /// What names the attachments of a message, and, if it was sent, those that can be read.
    pub(super) fn attachments(
        &mut self,
        header: &Header,
        name: &str,
        slots: Option<&Slots>,
    ) -> Result<(), CopyFault> {
        let lost = |why| Lost::Content { message: name.to_owned(), why };
        if header.digests.attachments.is_none() {
            return Ok(());
        }
        let (message, key) = (header.mark(), header.key());
        let store: &dyn Store = self.source.store;
        match content::attachments_bytes(store, key) {
            Ok(bytes) => self.take(Item::Attachments { message, bytes }, lost)?,
            Err(error) => self.lost.push(lost(told(error))),
        }
        let Some(slots) = slots else {
            return Ok(());
        };
        let found = carried::files_of(store, key).unwrap_or_default();
        for (number, file) in found {
            self.attached((message, name), (number, file), slots)?;
        }
        Ok(())
    }

    /// A file that is the attachment of a message.
    fn attached(
        &mut self,
        (message, name): (MessageMark, &str),
        (number, file): (attachment::Number, FileId),
        slots: &Slots,
    ) -> Result<(), CopyFault> {
        let lost = |why: String| Lost::Content {
            message: name.to_owned(),
            why: format!("attachment {number}: {why}"),
        };
        match self.file(slots, file)? {
            Ok(()) => self.take(Item::Attached { message, number, file }, lost),
            Err(why) => {
                self.lost.push(lost(why));
                Ok(())
            }
        }
    }

    /// An attachment that was here by an entry: the file that it is, or as it came.
    pub(super) fn came(&mut self, named: &AttachmentRef) -> Result<(), CopyFault> {
        let AttachmentRef { message: reference, number, .. } = named;
        let (origin, id, number) = (&reference.origin, reference.message, *number);
        let (key, message) = (MessageKey::new(origin, id), MessageMark::new(origin, id));
        let name = format!("{origin}/{id}");
        let store: &dyn Store = self.source.store;
        if let (Ok(Some(file)), Some(slots)) =
            (attachments::of_message(store, key, number), self.source.slots)
        {
            return self.attached((message, &name), (number, file), slots);
        }
        // One that was passed on is here no more.
        let (Ok(Some(file)), Some(files)) =
            (travelling::file(store, key, number), self.source.files)
        else {
            return Ok(());
        };
        let lost = |why| Lost::Content { message: name.clone(), why };
        if !self.carried.insert(file) {
            return Ok(());
        }
        let taken = match files.length(file) {
            Ok(bytes) => {
                self.build.take(Item::Came { message, number, file })?;
                self.pieces(files, file, bytes)?
            }
            Err(error) => Err(error.to_string()),
        };
        let why = taken.err().map(|why| lost(format!("attachment {number}: {why}")));
        self.lost.extend(why);
        Ok(())
    }

    /// Takes a file of attachments over; why not, if it can't be read to its end.
    fn file(&mut self, slots: &Slots, file: FileId) -> Result<Result<(), String>, CopyFault> {
        if self.carried.contains(&file) {
            return Ok(Ok(()));
        }
        let Some(files) = self.source.files else {
            return Ok(Err("the folder of attachments can't be opened".to_owned()));
        };
        let shelf = Shelf { store: self.source.store, slots, files };
        let setting = self.setting;
        let storage = (&setting.keys.storage, setting.entropy.as_ref());
        let carried = match shelf.carried(storage, file) {
            Ok(Some(carried)) => carried,
            Ok(None) => return Ok(Err("its file is missing".to_owned())),
            Err(error) => return Ok(Err(told(error))),
        };
        self.build.take(Item::File(carried.clone()))?;
        let taken = self.pieces(files, file, carried.resting)?;
        if taken.is_ok() {
            self.carried.insert(file);
        }
        Ok(taken)
    }

    /// Takes the bytes of a file over; why not, if they can't be read or are not what an entry names.
    fn pieces(
        &mut self,
        files: &Files,
        file: FileId,
        length: u64,
    ) -> Result<Result<(), String>, CopyFault> {
        let mut at = 0;
        loop {
            let piece = match carried::piece(files, file, length, at) {
                Ok(piece) => piece,
                Err(error) => return Ok(Err(told(error))),
            };
            at = at.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            match self.build.take(Item::Piece(piece)) {
                Ok(()) if at >= length => return Ok(Ok(())),
                Ok(()) => {}
                Err(CopyFault::Content { problem, .. }) => return Ok(Err(problem)),
                Err(fault) => return Err(fault),
            }
        }
    }
}
