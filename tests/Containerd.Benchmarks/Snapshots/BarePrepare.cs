using System.Globalization;
using System.Text;
using SQLitePCL;
using Tmds.Linux;

namespace Containerd.Benchmarks;

/// <summary>
/// The least that preparing and committing a snapshot takes: one directory for it with two inside, owner and mode of one, and a transaction of one statement
/// for each of the two calls. A floor, not a snapshotter: nothing is checked, measured or looked up.
/// </summary>
internal sealed class BarePrepare : IDisposable
{
    private readonly string _directory;
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _insert;
    private readonly sqlite3_stmt _update;

    private BarePrepare(string directory, Durability durability)
    {
        _directory = directory;
        Batteries_V2.Init();
        Check(raw.sqlite3_open(Path.Join(directory, "metadata.db"), out _database));
        Execute("PRAGMA journal_mode = WAL");
        Execute(durability == Durability.Full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
        Execute("CREATE TABLE snapshot (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)");
        Check(raw.sqlite3_prepare_v2(_database, "INSERT INTO snapshot VALUES (?, ?)", out _insert));
        Check(raw.sqlite3_prepare_v2(_database, "UPDATE snapshot SET name = ? WHERE id = ?", out _update));
    }

    /// <summary>The side of a comparison that makes as many of them as <paramref name="like"/>.</summary>
    public static Side Side(Bench bench, Durability durability, Side like)
    {
        int count = like.Operations!.Value;
        string directory = "";
        BarePrepare? bare = null;
        return new Side("system calls and SQLite alone")
        {
            Operations = count,
            SetUp = _ =>
            {
                directory = bench.Workspace.NewDirectory("bare");
                bare = new BarePrepare(directory, durability);
                return Task.CompletedTask;
            },
            Run = _ =>
            {
                for (int id = 1; id <= count; id++)
                    bare!.PrepareAndCommit(id);
                return Task.CompletedTask;
            },
            Verify = _ =>
            {
                int made = Directory.EnumerateDirectories(directory).Count(snapshot => Directory.Exists(Path.Join(snapshot, "work")));
                return made == count ? Task.CompletedTask : throw new InvalidOperationException($"{made} directories were made of {count}.");
            },
            CleanUp = async () =>
            {
                bare?.Dispose();
                bare = null;
                await Workspace.RemoveAsync(directory);
            },
        };
    }

    public void Dispose()
    {
        _insert.Dispose();
        _update.Dispose();
        _database.Dispose();
    }

    private void PrepareAndCommit(int id)
    {
        string path = string.Create(CultureInfo.InvariantCulture, $"{_directory}/{id}");
        MakeDirectory(path);
        MakeDirectory($"{path}/fs");
        MakeDirectory($"{path}/work");
        SetOwnerAndMode($"{path}/fs");

        Check(raw.sqlite3_bind_int(_insert, 1, id));
        Check(raw.sqlite3_bind_text(_insert, 2, $"key {id}"));
        Step(_insert);
        Check(raw.sqlite3_bind_text(_update, 1, $"name {id}"));
        Check(raw.sqlite3_bind_int(_update, 2, id));
        Step(_update);
    }

    private static unsafe void MakeDirectory(string path)
    {
        fixed (byte* bytes = Encoding.UTF8.GetBytes(path + '\0'))
            CheckCall(LibC.mkdir(bytes, 0x1C0));
    }

    private static unsafe void SetOwnerAndMode(string path)
    {
        fixed (byte* bytes = Encoding.UTF8.GetBytes(path + '\0'))
        {
            CheckCall(LibC.chown(bytes, 0, 0));
            CheckCall(LibC.chmod(bytes, 0x1ED));
        }
    }

    private static void CheckCall(int result)
    {
        if (result != 0)
            throw new InvalidOperationException($"A system call failed with error {LibC.errno}.");
    }

    private void Step(sqlite3_stmt statement)
    {
        int result = raw.sqlite3_step(statement);
        if (result != raw.SQLITE_DONE)
            throw new InvalidOperationException(raw.sqlite3_errmsg(_database).utf8_to_string());
        Check(raw.sqlite3_reset(statement));
    }

    private void Execute(string sql) => Check(raw.sqlite3_exec(_database, sql));

    private void Check(int result)
    {
        if (result != raw.SQLITE_OK)
            throw new InvalidOperationException(raw.sqlite3_errmsg(_database).utf8_to_string());
    }
}
