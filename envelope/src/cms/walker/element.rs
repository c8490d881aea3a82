//! Where elements begin and end.

use core::mem;

use super::{Event, Extent, Frame, MAX_DEPTH, Phase, Sink, Walker};
use crate::ber::{Head, Reader};
use crate::cms::grammar::{Closing, Field, Part, Place, closing, part};
use crate::cms::kind::ContentType;
use crate::cms::quirk::Quirk;
use crate::der::{CONSTRUCTED, OID, SEQUENCE};
use crate::error::InvalidMessage;

impl Walker {
    /// An element begins.
    pub(super) fn open(&mut self, head: Head) -> Result<Option<Event<'static>>, InvalidMessage> {
        if head.is_end() {
            return self.end_mark();
        }
        head.note(&mut self.quirks);
        if let Some(len) = head.len {
            self.fits(len)?;
        }
        let Some(frame) = self.stack.last_mut() else {
            self.started = true;
            return if head.tag == SEQUENCE {
                self.enter(Place::ContentInfo(0), head)
            } else {
                Err(InvalidMessage::NotEnvelopedData)
            };
        };
        let (next, part) = part(self.kind, frame.place, head.tag)?;
        frame.place = next;
        match part {
            Part::Enter(place) => self.enter(place, head),
            Part::Collect(field) => {
                self.field.clone_from(&self.head);
                self.opaque(Sink::Collect(field), head)
            }
            Part::Skip(quirk) => {
                self.quirks.insert(quirk);
                self.opaque(Sink::Skip, head)
            }
            Part::Opaque => self.opaque(self.sink, head),
            Part::Content => self.content(head),
            Part::Segment => {
                self.sink = Sink::Content;
                self.body = head.len.unwrap_or(0); // primitive, so there is a length
                Ok(None)
            }
        }
    }

    /// A definite body must end inside everything that is open.
    fn fits(&self, len: u64) -> Result<(), InvalidMessage> {
        if self.stack.iter().filter_map(|frame| frame.left).any(|left| len > left) {
            return Err(InvalidMessage::Malformed);
        }
        Ok(())
    }

    /// Opens an element whose parts are walked.
    fn enter(&mut self, place: Place, head: Head) -> Result<Option<Event<'static>>, InvalidMessage> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(InvalidMessage::TooDeep);
        }
        self.stack.push(Frame { place, left: head.len });
        Ok(None)
    }

    /// Begins an element that is taken as a whole: by its length, or by walking it to its end mark.
    fn opaque(&mut self, sink: Sink, head: Head) -> Result<Option<Event<'static>>, InvalidMessage> {
        self.sink = sink;
        match head.len {
            None => self.enter(Place::Opaque, head),
            Some(0) => self.element_done(),
            Some(len) => {
                self.within_limit(len)?;
                self.body = len;
                Ok(None)
            }
        }
    }

    /// The content begins.
    fn content(&mut self, head: Head) -> Result<Option<Event<'static>>, InvalidMessage> {
        self.phase = Phase::Content;
        self.sink = Sink::Content;
        if head.tag & CONSTRUCTED == 0 {
            self.body = head.len.unwrap_or(0); // primitive, so there is a length
            self.content_done();
            return Ok(Some(Event::HeaderEnd(Extent::Exact(self.body))));
        }
        self.quirks.insert(Quirk::SegmentedContent);
        self.enter(Place::Segments, head)?;
        Ok(Some(Event::HeaderEnd(Extent::Segments)))
    }

    /// Content in one piece ends with its body; segments end when the element around them does.
    pub(super) fn content_done(&mut self) {
        if self.body == 0 && self.place() != Some(Place::Segments) {
            self.begin_trailer();
        }
    }

    fn begin_trailer(&mut self) {
        self.phase = Phase::Trailer;
        self.phase_len = 0;
    }

    /// The body at hand has ended. Gives the field if that was the last byte of one.
    pub(super) fn element_done(&mut self) -> Result<Option<Event<'static>>, InvalidMessage> {
        match (self.sink, self.place()) {
            (Sink::Collect(field), place) if place != Some(Place::Opaque) => {
                self.sink = Sink::Skip;
                if field == Field::OuterType {
                    let id = Reader::new(&self.field).expect(OID, &mut self.quirks)?;
                    let kind = ContentType::of(id.body, &mut self.quirks);
                    self.kind = Some(kind.ok_or(InvalidMessage::NotEnvelopedData)?);
                }
                Ok(Some(Event::Field(field, mem::take(&mut self.field))))
            }
            _ => Ok(None),
        }
    }

    /// An end mark: closes the innermost element, which must be of indefinite length.
    fn end_mark(&mut self) -> Result<Option<Event<'static>>, InvalidMessage> {
        match self.stack.last() {
            Some(Frame { left: None, .. }) => self.close(),
            _ => Err(InvalidMessage::Malformed),
        }
    }

    /// Closes the innermost element, which must be complete.
    pub(super) fn close(&mut self) -> Result<Option<Event<'static>>, InvalidMessage> {
        let Some(closed) = self.stack.pop() else { return Err(InvalidMessage::Malformed) };
        match closing(closed.place)? {
            Closing::Complete => Ok(None),
            Closing::Detached => {
                self.begin_trailer();
                Ok(Some(Event::HeaderEnd(Extent::Absent)))
            }
            Closing::Segments => {
                if self.place() != Some(Place::Segments) {
                    self.begin_trailer();
                }
                Ok(None)
            }
            Closing::Opaque => self.element_done(),
        }
    }
}
