-- The branches and the towns that people ask from. Places are in degrees.

CREATE TABLE town (
  city      TEXT PRIMARY KEY,             -- as its people write it
  latitude  REAL NOT NULL,
  longitude REAL NOT NULL
);
INSERT INTO town VALUES
  ('Berlin',     52.5200, 13.4050),
  ('Potsdam',    52.3906, 13.0645),
  ('Hamburg',    53.5511,  9.9937),
  ('Bremen',     53.0793,  8.8017),
  ('Hannover',   52.3759,  9.7320),
  ('Köln',       50.9375,  6.9603),
  ('Düsseldorf', 51.2277,  6.7735),
  ('Bonn',       50.7374,  7.0982),
  ('Frankfurt',  50.1109,  8.6821),
  ('Stuttgart',  48.7758,  9.1829),
  ('München',    48.1351, 11.5820),
  ('Nürnberg',   49.4521, 11.0767),
  ('Leipzig',    51.3397, 12.3731),
  ('Dresden',    51.0504, 13.7373);

-- What else people call them: in another language, without umlauts, or at length.
CREATE TABLE alias (
  name TEXT PRIMARY KEY,                  -- case-folded
  city TEXT NOT NULL REFERENCES town
);
INSERT INTO alias VALUES
  ('munich', 'München'), ('muenchen', 'München'), ('munchen', 'München'),
  ('cologne', 'Köln'), ('koeln', 'Köln'), ('koln', 'Köln'),
  ('nuremberg', 'Nürnberg'), ('nuernberg', 'Nürnberg'), ('nurnberg', 'Nürnberg'),
  ('duesseldorf', 'Düsseldorf'), ('dusseldorf', 'Düsseldorf'),
  ('hanover', 'Hannover'),
  ('frankfurt am main', 'Frankfurt'), ('frankfurt/main', 'Frankfurt');

CREATE TABLE store (
  store_id        TEXT PRIMARY KEY,
  name            TEXT NOT NULL,
  street          TEXT NOT NULL,
  city            TEXT NOT NULL REFERENCES town,
  latitude        REAL NOT NULL,
  longitude       REAL NOT NULL,
  keyholder_phone TEXT NOT NULL
);
INSERT INTO store VALUES
  ('berlin-mitte',    'Berlin Mitte',         'Torstraße 48',       'Berlin',  52.5290, 13.4010, '+49 30 5550101'),
  ('berlin-neukoelln', 'Berlin Neukölln',     'Karl-Marx-Straße 92', 'Berlin',  52.4790, 13.4390, '+49 30 5550102'),
  ('hamburg-altona',  'Hamburg Altona',       'Ottenser Hauptstraße 17', 'Hamburg', 53.5520, 9.9330, '+49 40 5550103'),
  ('koeln-ehrenfeld', 'Köln Ehrenfeld',       'Venloer Straße 310', 'Köln',    50.9500,  6.9160, '+49 221 5550104'),
  ('muenchen-glocke', 'München Glockenbach',  'Müllerstraße 30',    'München', 48.1310, 11.5700, '+49 89 5550105'),
  ('leipzig-sued',    'Leipzig Südvorstadt',  'Karl-Liebknecht-Straße 66', 'Leipzig', 51.3220, 12.3730, '+49 341 5550106');

-- When they are open in a week like others; a day without a row is one on which they are closed.
CREATE TABLE opening (
  store_id TEXT NOT NULL REFERENCES store,
  weekday  INTEGER NOT NULL CHECK (weekday BETWEEN 1 AND 7),  -- 1 is Monday
  opens    TEXT NOT NULL,                                     -- HH:MM
  closes   TEXT NOT NULL
);
INSERT INTO opening
  SELECT store_id, weekday, '10:00', '19:00' FROM store, (SELECT 1 AS weekday UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5)
  WHERE store_id <> 'leipzig-sued';
INSERT INTO opening
  SELECT store_id, 6, '10:00', '16:00' FROM store WHERE store_id <> 'leipzig-sued';
-- A small one, which has a break and is closed on Mondays.
INSERT INTO opening
  SELECT 'leipzig-sued', weekday, '10:00', '13:00' FROM (SELECT 2 AS weekday UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6);
INSERT INTO opening
  SELECT 'leipzig-sued', weekday, '15:00', '19:00' FROM (SELECT 2 AS weekday UNION SELECT 3 UNION SELECT 4 UNION SELECT 5);

-- The days on which it is otherwise for all branches, each year.
CREATE TABLE holiday (
  month        INTEGER,                   -- and day: a fixed date
  day          INTEGER,
  after_easter INTEGER,                   -- or so many days after Easter Sunday
  en           TEXT NOT NULL,
  de           TEXT NOT NULL,
  closes       TEXT                       -- when they close early; NULL: they are closed
);
INSERT INTO holiday VALUES
  (1, 1, NULL, 'New Year''s Day', 'Neujahr', NULL),
  (NULL, NULL, -2, 'Good Friday', 'Karfreitag', NULL),
  (NULL, NULL, 1, 'Easter Monday', 'Ostermontag', NULL),
  (5, 1, NULL, 'Labour Day', 'Tag der Arbeit', NULL),
  (NULL, NULL, 39, 'Ascension Day', 'Christi Himmelfahrt', NULL),
  (NULL, NULL, 50, 'Whit Monday', 'Pfingstmontag', NULL),
  (10, 3, NULL, 'German Unity Day', 'Tag der Deutschen Einheit', NULL),
  (12, 24, NULL, 'Christmas Eve', 'Heiligabend', '13:00'),
  (12, 25, NULL, 'Christmas Day', '1. Weihnachtstag', NULL),
  (12, 26, NULL, 'Boxing Day', '2. Weihnachtstag', NULL),
  (12, 31, NULL, 'New Year''s Eve', 'Silvester', '14:00');
