namespace Containerd.Snapshots;

public class StoreRootTests : StoreTest
{
    [Test]
    public void A_new_root_is_private_and_says_whose_it_is()
    {
        new OverlaySnapshotter(Root).Dispose();
        Assert.That(File.GetUnixFileMode(Root), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
        Assert.That(File.ReadAllText(Path.Join(Root, "format")), Does.Contain("\"component\":\"snapshots.overlay\"").And.Contain("\"format\":4"));
        Assert.That(Entries("layers").Concat(Entries("trash")), Is.Empty, "the probe has left nothing");
    }

    [Test]
    public void A_root_of_another_version_is_refused_untouched_with_both_versions_named()
    {
        Directory.CreateDirectory(Root);
        File.WriteAllText(Path.Join(Root, "format"), """{"component":"snapshots.overlay","format":7,"writer":"9.8.7"}""");
        ContainerdException failure = FailureToOpen();
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.NotSupported));
        Assert.That(failure.Message, Does.Contain("format 7").And.Contain("9.8.7").And.Contain("reads formats 1 to 4"));
        Assert.That(Entries(""), Is.EqualTo(new[] { "format" }));
    }

    [Test]
    public void Another_components_root_is_refused_untouched()
    {
        Directory.CreateDirectory(Root);
        File.WriteAllText(Path.Join(Root, "format"), """{"component":"images","format":1,"writer":"1.0.0"}""");
        ContainerdException failure = FailureToOpen();
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.FailedPrecondition));
        Assert.That(failure.Message, Does.Contain("images"));
        Assert.That(Entries(""), Is.EqualTo(new[] { "format" }));
    }

    [TestCase("")]
    [TestCase("{")]
    [TestCase("null")]
    [TestCase("""{"component":"snapshots.overlay"}""")]
    public void A_damaged_format_is_data_corrupted(string text)
    {
        Directory.CreateDirectory(Root);
        File.WriteAllText(Path.Join(Root, "format"), text);
        Assert.That(FailureToOpen().Kind, Is.EqualTo(ErrorKind.DataCorrupted));
        Assert.That(Entries(""), Is.EqualTo(new[] { "format" }));
    }

    [Test]
    public void A_directory_with_somebodys_files_is_refused_untouched()
    {
        Directory.CreateDirectory(Root);
        File.WriteAllText(Path.Join(Root, "precious"), "data");
        Assert.That(FailureToOpen().Kind, Is.EqualTo(ErrorKind.FailedPrecondition));
        Assert.That(Entries(""), Is.EqualTo(new[] { "precious" }));
    }

    [TestCase(0b111_111_111)]
    [TestCase(0b111_111_000)]
    [TestCase(0b111_000_010)]
    public void A_root_that_others_may_write_is_refused(int mode)
    {
        Directory.CreateDirectory(Root);
        File.SetUnixFileMode(Root, (UnixFileMode)mode);
        Assert.That(FailureToOpen().Kind, Is.EqualTo(ErrorKind.PermissionDenied));
        Assert.That(Entries(""), Is.Empty);
    }

    [Test]
    public async Task A_root_of_another_user_is_refused()
    {
        Directory.CreateDirectory(Root);
        using (var chown = System.Diagnostics.Process.Start("chown", ["1234", Root]))
            await chown.WaitForExitAsync();
        ContainerdException failure = FailureToOpen();
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.PermissionDenied));
        Assert.That(failure.Message, Does.Contain("1234"));
        Assert.That(Entries(""), Is.Empty);
    }

    [Test]
    public void A_root_that_was_begun_by_a_killed_process_is_finished()
    {
        Directory.CreateDirectory(Root);
        File.WriteAllText(Path.Join(Root, "lock"), "");
        File.WriteAllText(Path.Join(Root, "format.new"), "{\"compo");
        Assert.That(() => new OverlaySnapshotter(Root).Dispose(), Throws.Nothing);
    }

    [Test]
    public void A_root_where_overlay_does_not_work_is_refused_with_the_reason()
    {
        string lower = Directory.CreateDirectory(Path.Join(DirectoryPath, "lower")).FullName;
        string upper = Directory.CreateDirectory(Path.Join(DirectoryPath, "upper")).FullName;
        string work = Directory.CreateDirectory(Path.Join(DirectoryPath, "work")).FullName;
        Directory.CreateDirectory(Root);
        File.SetUnixFileMode(lower, (UnixFileMode)0x1C0);
        Mounter.Mount([new OverlayMount { LowerDirectories = [lower], UpperDirectory = upper, WorkDirectory = work }.ToMount()], Root);
        ContainerdException failure = FailureToOpen();
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.NotSupported));
        Assert.That(failure.Message, Does.Contain("Overlay does not work"));
    }

    [Test]
    public async Task A_damaged_database_is_data_corrupted_and_names_the_file()
    {
        await using (var snapshotter = new OverlaySnapshotter(Root))
            await CommitAsync(snapshotter, "layer", null, "file");
        string database = Path.Join(Root, "metadata.db");
        using (FileStream file = File.OpenWrite(database))
            file.Write(new byte[4096]);
        ContainerdException failure = FailureToOpen();
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.DataCorrupted));
        Assert.That(failure.Subject, Is.EqualTo(database));
        Assert.That(Entries("layers"), Is.Not.Empty);
    }

    [Test]
    public async Task Damage_deeper_in_the_database_is_found_when_it_is_read()
    {
        await using var snapshotter = new OverlaySnapshotter(Root);
        for (int i = 0; i < 50; i++)
            await snapshotter.ViewAsync($"view-{i}", options: new() { Labels = new Dictionary<string, string> { ["a"] = new string('x', 1000) } });
        await snapshotter.DisposeAsync();
        string database = Path.Join(Root, "metadata.db");
        byte[] bytes = await File.ReadAllBytesAsync(database);
        bytes.AsSpan(4096 * 8).Fill(0xA5);
        await File.WriteAllBytesAsync(database, bytes);

        await using var reopened = new OverlaySnapshotter(Root);
        ContainerdException failure = await FailureOf(async () =>
        {
            await foreach (SnapshotInfo _ in reopened.ListAsync())
            {
            }
        });
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.DataCorrupted));
        Assert.That(failure.Message, Does.Contain(database));
    }

    [Test]
    public async Task A_missing_database_beside_trees_is_data_corrupted()
    {
        await using (var snapshotter = new OverlaySnapshotter(Root))
            await CommitAsync(snapshotter, "layer", null, "file");
        File.Delete(Path.Join(Root, "metadata.db"));
        Assert.That(FailureToOpen().Kind, Is.EqualTo(ErrorKind.DataCorrupted));
        Assert.That(File.Exists(Path.Join(Root, "metadata.db")), Is.False);
    }

    [Test]
    public void A_database_of_a_later_schema_is_refused()
    {
        new OverlaySnapshotter(Root).Dispose();
        using (MetadataConnection connection = MetadataConnection.Open(Path.Join(Root, "metadata.db"), 0, Durability.Relaxed))
            connection.Execute("PRAGMA user_version = 99");
        ContainerdException failure = FailureToOpen();
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.NotSupported));
        Assert.That(failure.Message, Does.Contain("99"));
    }

    [Test]
    public void No_root_is_the_callers_mistake() => Assert.That(() => new OverlaySnapshotter(""), Throws.InstanceOf<ArgumentException>());


    [Test]
    public async Task A_database_is_opened_while_another_closes_it()
    {
        string file = Path.Join(DirectoryPath, "metadata.db");
        Open().Dispose();
        await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
        {
            for (int i = 0; i < 500; i++)
            {
                using MetadataStore store = Open();
                await store.WriteAsync(connection => ReservationTable.Reserve(connection, 1, "owner", 0), CancellationToken.None);
            }
        })));

        MetadataStore Open() => MetadataStore.Open(file, true, Durability.Relaxed, TimeSpan.FromSeconds(30), TimeProvider.System, new ListLogger());
    }
}
