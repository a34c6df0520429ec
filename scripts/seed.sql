-- Demo users for the private development database. Only an empty table is seeded, so that a user
-- you deleted stays deleted.
SET client_encoding = 'UTF8';
INSERT INTO users (name, email, created_at)
SELECT name, email, created_at::timestamptz
  FROM (VALUES
    ('Ada Okonkwo',            'ada.okonkwo@example.com',       '2025-11-03 08:14:27.482913+00'),
    ('Søren Kjærgaard',        'soren.kjaergaard@example.dk',   '2025-11-03 09:41:05.117340+00'),
    ('María José Núñez',       'mj.nunez@example.es',           '2025-11-05 16:22:48.905127+00'),
    ('Wei Zhang 张伟',         'wei.zhang@example.cn',          '2025-11-09 02:03:11.640058+00'),
    ('Siobhán O''Sullivan',    'siobhan@example.ie',            '2025-11-12 11:57:39.228471+00'),
    ('Владимир Петренко',      'v.petrenko@example.org',        '2025-11-18 19:30:00.000000+00'),
    ('François Lefèvre',       'francois.lefevre@example.fr',   '2025-11-20 07:45:52.371906+00'),
    ('山田 花子',              'hanako.yamada@example.jp',      '2025-11-24 23:59:59.999999+00'),
    ('Priya Raghunathan',      'priya.r@example.in',            '2025-12-01 05:12:34.560789+00'),
    ('Jürgen Groß',            'juergen.gross@example.de',      '2025-12-02 13:08:20.043215+00'),
    ('Nguyễn Thị Hạnh',        'hanh.nguyen@example.vn',        '2025-12-08 04:26:17.718264+00'),
    ('Łukasz Wójcik',          'lukasz.wojcik@example.pl',      '2025-12-15 10:33:41.892550+00'),
    ('فاطمة الزهراء',          'fatima.zahra@example.ma',       '2025-12-19 14:49:08.336701+00'),
    ('Ebony Washington',       'ebony.washington@example.com',  '2026-01-06 20:17:55.150432+00'),
    ('김서연',                 'seoyeon.kim@example.kr',        '2026-01-14 01:38:29.674980+00'),
    ('Ingibjörg Þórsdóttir',   'ingibjorg@example.is',          '2026-01-22 12:00:03.009876+00'),
    ('Thiago de Araújo Neto',  'thiago.araujo@example.com.br',  '2026-02-02 18:25:46.587123+00'),
    ('Αλέξανδρος Παππάς',      'a.pappas@example.gr',           '2026-02-11 06:54:12.931407+00'),
    ('Kwame Asante-Mensah',    'kwame@example.com.gh',          '2026-02-27 15:16:37.204655+00'),
    ('İpek Çağlayan',          'ipek.caglayan@example.com.tr',  '2026-03-05 09:09:09.090909+00')
  ) AS demo (name, email, created_at)
 WHERE NOT EXISTS (SELECT FROM users)
    ON CONFLICT DO NOTHING;
