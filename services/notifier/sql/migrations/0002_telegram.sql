-- Telegram: who was told what in which chat, what people pressed and wrote, and the questions that wait.
--
-- Everything goes out over `posts`, one row for each call of the Bot API that sends or changes a message,
-- and everything comes in over `updates`. Both survive a crash at any point.

ALTER TABLE messages DROP CONSTRAINT messages_kind_check;
ALTER TABLE messages ADD CONSTRAINT messages_kind_check CHECK (kind IN ('approval', 'notice', 'reminder'));
ALTER TABLE messages ADD COLUMN topic text NOT NULL DEFAULT 'other';
ALTER TABLE messages ADD COLUMN error_fingerprint text NOT NULL DEFAULT '';

CREATE INDEX messages_reminders ON messages (created_at) WHERE kind = 'reminder';

-- A question, from being asked to being closed.
CREATE TABLE approvals (
    message_id      text PRIMARY KEY REFERENCES messages,
    run_id          text NOT NULL,
    artist_id       text NOT NULL,
    title           text NOT NULL,
    artist_name     text NOT NULL,
    take_number     integer NOT NULL,
    content_digest  text NOT NULL,
    -- The takes that can be picked, as the message shows them: [{number, take_id, content_digest}].
    takes           jsonb NOT NULL DEFAULT '[]',
    asked_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- When people are reminded next; empty: never.
    remind_at       timestamptz,
    reminders       integer NOT NULL DEFAULT 0,
    closed_at       timestamptz,
    -- What was decided; empty where it ended without a decision, and `reason` then says why.
    verdict         text NOT NULL DEFAULT '',
    decided_by      text NOT NULL DEFAULT '',
    decided_at      timestamptz,
    reason          text NOT NULL DEFAULT ''
);

CREATE INDEX approvals_to_remind ON approvals (remind_at) WHERE closed_at IS NULL AND remind_at IS NOT NULL;
CREATE INDEX approvals_open ON approvals (asked_at, message_id) WHERE closed_at IS NULL;
CREATE INDEX approvals_of_run ON approvals (run_id, asked_at DESC);

-- Questions that ended, by what they were about; an empty digest: all of the run. An end may be told before
-- its question, which is then over as soon as it comes.
CREATE TABLE closings (
    run_id          text NOT NULL,
    content_digest  text NOT NULL,
    verdict         text NOT NULL,
    decided_by      text NOT NULL,
    decided_at      timestamptz,
    reason          text NOT NULL,
    told_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, content_digest)
);

CREATE INDEX closings_told ON closings (told_at);

-- What becomes of a message in a chat.
CREATE TABLE deliveries (
    message_id       text NOT NULL REFERENCES messages,
    chat_id          bigint NOT NULL,
    -- The message's, which is the order of saying.
    position         bigint NOT NULL,
    state            text NOT NULL DEFAULT 'waiting'
                     CHECK (state IN ('waiting', 'written', 'sent', 'in_digest', 'dropped', 'failed')),
    attempts         integer NOT NULL DEFAULT 0,
    next_attempt_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_error       text NOT NULL DEFAULT '',
    PRIMARY KEY (message_id, chat_id)
);

CREATE INDEX deliveries_waiting ON deliveries (chat_id, position) WHERE state = 'waiting';

-- One call of the Bot API that sends or changes a message, in the order in which a chat gets them.
CREATE TABLE posts (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chat_id      bigint NOT NULL,
    -- Part of which message; empty: an answer to somebody, or a change.
    message_id   text REFERENCES messages,
    -- Which post this one changes; empty: it sends.
    edits        bigint REFERENCES posts,
    -- Goes before what is not: answers to people, and decisions shown on their questions.
    urgent       boolean NOT NULL,
    body         jsonb NOT NULL,
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'dropped', 'failed')),
    attempts     integer NOT NULL DEFAULT 0,
    -- Set while a try is under way, and left where nobody knows how it ended.
    tried_at     timestamptz,
    -- The greatest message id that was known in the chat before that try.
    floor        bigint,
    -- What Telegram calls the message.
    telegram_id  bigint,
    sent_at      timestamptz,
    last_error   text NOT NULL DEFAULT '',
    -- Its file could not be read so often; before `not_before` it is not tried again.
    unread       integer NOT NULL DEFAULT 0,
    not_before   timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX posts_waiting ON posts (chat_id, urgent DESC, id) WHERE state = 'waiting';
CREATE INDEX posts_of_message ON posts (message_id) WHERE message_id IS NOT NULL;
CREATE UNIQUE INDEX posts_by_telegram_id ON posts (chat_id, telegram_id) WHERE telegram_id IS NOT NULL;

CREATE TABLE chats (
    chat_id          bigint PRIMARY KEY,
    -- The greatest message id that is known, incoming ones too.
    last_message_id  bigint NOT NULL DEFAULT 0,
    -- Nothing is sent before that.
    not_before       timestamptz NOT NULL DEFAULT clock_timestamp(),
    failures         integer NOT NULL DEFAULT 0,
    trouble          text NOT NULL DEFAULT ''
);

-- What Telegram told us, kept before it is told that we have it, so that nothing pressed is lost.
CREATE TABLE updates (
    update_id        bigint PRIMARY KEY,
    -- Those of one lane are worked off one after the other.
    lane             text NOT NULL,
    -- As it came: json keeps what jsonb refuses, such as U+0000.
    body             json NOT NULL,
    received_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts         integer NOT NULL DEFAULT 0,
    next_attempt_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at          timestamptz,
    outcome          text NOT NULL DEFAULT ''
);

CREATE INDEX updates_waiting ON updates (update_id) WHERE done_at IS NULL;
CREATE INDEX updates_of_lane ON updates (lane, update_id) WHERE done_at IS NULL;
CREATE INDEX updates_done ON updates (done_at) WHERE done_at IS NOT NULL;

-- A person was asked to write a note or a reason.
CREATE TABLE prompts (
    post_id     bigint PRIMARY KEY REFERENCES posts,
    chat_id     bigint NOT NULL,
    user_id     bigint NOT NULL,
    message_id  text NOT NULL REFERENCES messages,
    verdict     text NOT NULL,
    asked_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    answered_at timestamptz
);

CREATE INDEX prompts_open ON prompts (chat_id, user_id, asked_at DESC) WHERE answered_at IS NULL;

-- Who does what only one process may do at a time; free again when `until` has passed.
CREATE TABLE leases (
    name    text PRIMARY KEY,
    holder  text NOT NULL,
    until   timestamptz NOT NULL
);
