-- What was committed long ago and has not arrived: its record may be lost.

-- When its outcome was committed; none before that.
ALTER TABLE tool_calls ADD COLUMN done_at INTEGER;
UPDATE tool_calls SET done_at = requested_at WHERE state = 'done';

CREATE INDEX turns_on_their_way ON turns (accepted_at) WHERE state = 'accepted';
CREATE INDEX turns_waiting ON turns (accepted_at) WHERE state = 'waiting';
CREATE INDEX tool_calls_on_their_way ON tool_calls (requested_at) WHERE state = 'requested';
