-- The five features by hand, as known strictly before each as-of: late facts, hand-overs and the
-- shrinkage of the rate included. Re-opened deals are not, as the history has none.
CREATE TEMP TABLE made AS
WITH as_ofs AS (SELECT unnest($as_ofs)::TIMESTAMP AS as_of),
changes AS (SELECT * FROM '{folder}/deal_changes.parquet'),
closes AS (
    SELECT deal_id, new_value = 'won' AS won, event_at AS closed_at, known_at
    FROM changes WHERE field = 'outcome'
),
cohort AS (
    SELECT d.deal_id, a.as_of
    FROM '{folder}/deals.parquet' d
    LEFT JOIN closes c USING (deal_id)
    JOIN as_ofs a ON d.known_at < a.as_of AND a.as_of <= coalesce(c.known_at, TIMESTAMP '2300-01-01')
),
stages AS (
    SELECT deal_id, event_at, known_at, new_value AS stage, coalesce(min(known_at) OVER later, TIMESTAMP '2300-01-01') AS until_at
    FROM changes WHERE field = 'stage'
    WINDOW later AS (PARTITION BY deal_id ORDER BY event_at, seq
        ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
    QUALIFY known_at <= until_at
),
due AS (
    SELECT deal_id, event_at, known_at, new_value::DATE AS day, coalesce(min(known_at) OVER later, TIMESTAMP '2300-01-01') AS until_at
    FROM changes WHERE field = 'expected_close_date'
    WINDOW later AS (PARTITION BY deal_id ORDER BY event_at, seq
        ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
    QUALIFY known_at <= until_at
),
moved AS (
    SELECT *, day > lag(day) OVER (PARTITION BY deal_id ORDER BY event_at) AS is_push FROM due
),
pushes AS (
    SELECT deal_id, known_at, until_at,
        count(*) FILTER (is_push) OVER (PARTITION BY deal_id ORDER BY event_at
            ROWS UNBOUNDED PRECEDING) AS push_count
    FROM moved
),
owners AS (
    SELECT deal_id, known_at, new_value AS owner_id, coalesce(min(known_at) OVER later, TIMESTAMP '2300-01-01') AS until_at
    FROM changes WHERE field = 'owner_id'
    WINDOW later AS (PARTITION BY deal_id ORDER BY event_at, seq
        ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
    QUALIFY known_at <= until_at
),
decided AS (
    SELECT o.owner_id, c.won, c.known_at, c.closed_at + INTERVAL 365 DAY AS until_at
    FROM closes c JOIN owners o ON o.deal_id = c.deal_id AND o.known_at <= c.known_at
        AND c.known_at < o.until_at
),
steps AS (
    SELECT owner_id, a.as_of, 1 AS decided, won::INT AS won
    FROM decided d ASOF JOIN as_ofs a ON d.known_at < a.as_of WHERE d.known_at < d.until_at
    UNION ALL
    SELECT owner_id, a.as_of, -1, -won::INT
    FROM decided d ASOF JOIN as_ofs a ON d.until_at < a.as_of WHERE d.known_at < d.until_at
),
weekly AS (
    SELECT owner_id, as_of, sum(decided) AS decided, sum(won) AS won FROM steps GROUP BY ALL
),
listed AS (SELECT owner_id, team FROM '{folder}/owners.parquet'),
so_far AS (
    SELECT l.owner_id, l.team, a.as_of,
        sum(coalesce(w.decided, 0)) OVER up_to AS decided, sum(coalesce(w.won, 0)) OVER up_to AS won
    FROM listed l CROSS JOIN as_ofs a LEFT JOIN weekly w USING (owner_id, as_of)
    WINDOW up_to AS (PARTITION BY l.owner_id ORDER BY a.as_of ROWS UNBOUNDED PRECEDING)
),
teams AS (SELECT team, as_of, sum(decided) AS decided, sum(won) AS won FROM so_far GROUP BY ALL),
company AS (SELECT as_of, sum(won) / nullif(sum(decided), 0) AS rate FROM so_far GROUP BY ALL),
rates AS (
    SELECT s.owner_id, s.as_of,
        (s.won + 20 * (t.won + 20 * c.rate) / (t.decided + 20)) / (s.decided + 20) AS owner_win_rate
    FROM so_far s JOIN teams t USING (team, as_of) JOIN company c USING (as_of)
),
recent AS (
    SELECT k.deal_id, k.as_of, count(*) AS activity_count_30
    FROM cohort k JOIN '{folder}/activities.parquet' x
        ON x.deal_id = k.deal_id AND x.known_at < k.as_of AND k.as_of <= x.event_at + INTERVAL 30 DAY
    GROUP BY ALL
)
SELECT k.deal_id, k.as_of, s.stage,
    date_sub('microsecond', s.event_at, k.as_of) / 86400e6 AS days_in_stage,
    coalesce(r.activity_count_30, 0) AS activity_count_30, p.push_count, w.owner_win_rate
FROM cohort k
LEFT JOIN stages s ON s.deal_id = k.deal_id AND s.known_at < k.as_of
    AND k.as_of <= s.until_at
LEFT JOIN pushes p ON p.deal_id = k.deal_id AND p.known_at < k.as_of
    AND k.as_of <= p.until_at
LEFT JOIN owners o ON o.deal_id = k.deal_id AND o.known_at < k.as_of
    AND k.as_of <= o.until_at
LEFT JOIN rates w ON w.owner_id = o.owner_id AND w.as_of = k.as_of
LEFT JOIN recent r ON r.deal_id = k.deal_id AND r.as_of = k.as_of
