namespace Containerd.Snapshots;

public class StillDatabaseTests
{
    private string _directory = "";

    private string Database => Path.Join(_directory, "metadata.db");

    [SetUp]
    public void MakeDatabase()
    {
        _directory = Directory.CreateTempSubdirectory("still-").FullName;
        using MetadataConnection connection = MetadataConnection.Open(Database, 0, Durability.Relaxed);
        connection.QueryText("PRAGMA journal_mode = WAL");
        connection.ExecuteScript("CREATE TABLE number(value INTEGER); INSERT INTO number VALUES (1)");
    }

    [TearDown]
    public void DeleteDirectory() => Directory.Delete(_directory, recursive: true);

    [Test]
    public void Reading_makes_no_file()
    {
        using var still = new StillDatabase(Database);
        Assert.That(still.TryRead(ReadNumber, out long? number));
        Assert.That(number, Is.EqualTo(1));
        Assert.That(Directory.GetFiles(_directory), Is.EqualTo(new[] { Database }));
    }

    [Test]
    public void What_was_read_while_somebody_wrote_is_read_again()
    {
        using var still = new StillDatabase(Database);
        int reads = 0;
        Assert.That(still.TryRead(
            connection =>
            {
                long? read = ReadNumber(connection);
                if (++reads == 1)
                    Write(2);
                return read;
            },
            out long? number));
        Assert.That((number, reads), Is.EqualTo((2L, 2)));
    }

    [Test]
    public void A_failure_counts_only_if_nobody_wrote()
    {
        using var still = new StillDatabase(Database);
        int reads = 0;
        Assert.That(still.TryRead(
            connection =>
            {
                if (++reads == 1)
                {
                    Write(2);
                    throw new ContainerdException(ErrorKind.DataCorrupted, "half of it is old");
                }
                return ReadNumber(connection);
            },
            out long? number));
        Assert.That(number, Is.EqualTo(2));
        Assert.That(() => still.TryRead<long?>(_ => throw new ContainerdException(ErrorKind.NotFound, "no such row"), out _), Throws.InstanceOf<ContainerdException>());
        Assert.That(still.TryRead(ReadNumber, out number));
    }

    [Test]
    public void With_a_log_it_is_left_to_SQLite()
    {
        using var still = new StillDatabase(Database);
        Assert.That(still.TryRead(ReadNumber, out _));
        using (MetadataConnection writer = MetadataConnection.Open(Database, 0, Durability.Relaxed))
        {
            writer.Execute("UPDATE number SET value = 2");
            Assert.That(still.TryRead(ReadNumber, out _), Is.False);
        }
        Assert.That(still.TryRead(ReadNumber, out long? number));
        Assert.That(number, Is.EqualTo(2), "what is remembered of the state before is not used");
    }

    private static long? ReadNumber(MetadataConnection connection) => connection.QueryInteger("SELECT value FROM number");

    private void Write(long value)
    {
        using MetadataConnection writer = MetadataConnection.Open(Database, 0, Durability.Relaxed);
        writer.Execute("UPDATE number SET value = ?1", value);
    }
}
