-- Locks of dialogs: who has one, by a number that is another one each time.

-- name: release(holder: uuid) :changed
DELETE FROM fsm_locks WHERE holder = :holder;

-- name: held(holder: uuid) :value int
SELECT count(*) FROM fsm_locks WHERE holder = :holder;
