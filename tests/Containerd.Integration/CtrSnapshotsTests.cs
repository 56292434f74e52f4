using System.Text.Json.Nodes;
using Containerd.Conformance;
using Containerd.Integration.Fixtures;
using Containerd.Snapshots;

namespace Containerd.Integration;

/// <summary>Snapshots and mounts from the sample command line, each call a process of its own.</summary>
[RequiresRoot]
[RequiresFileSystem("overlay")]
public sealed class CtrSnapshotsTests
{
    private const string Base = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    private Machine _before = null!;
    private Ctr _ctr = null!;
    private string _target = null!;

    [SetUp]
    public void SetUp()
    {
        _before = Machine.Look();
        _ctr = new Ctr();
        _target = NewDirectory("target");
    }

    [TearDown]
    public void NothingStaysMounted()
    {
        IReadOnlyList<string> left = Machine.Look().Since(_before);
        // Before the directory is deleted, so that a test that failed deletes through no mount.
        new LinuxMounter().Unmount(_ctr.Path, UnmountOptions.Recursive | UnmountOptions.Lazy);
        _ctr.Dispose();
        Assert.That(left, Is.Empty);
    }

    [Test]
    public async Task A_layer_made_by_hand_is_what_other_snapshots_start_from()
    {
        await SnapshotsAsync("prepare", "work", "--mount", _target);
        File.WriteAllText(Path.Join(_target, "file"), "of the base");
        await SucceedAsync("umount", _target);
        await SnapshotsAsync("commit", Base, "work", "--label", "made-by=hand");

        Assert.That(await SnapshotsAsync("prepare", "job", Base, "--label", "job=1", "--mount", _target), Is.Empty);
        Assert.That(File.ReadAllText(Path.Join(_target, "file")), Is.EqualTo("of the base"));
        File.WriteAllText(Path.Join(_target, "file"), "of the job");
        await SucceedAsync("umount", _target);

        Assert.That(await SnapshotsAsync("view", "look", Base, "--mount", _target), Is.Empty);
        Assert.That(File.ReadAllText(Path.Join(_target, "file")), Is.EqualTo("of the base"));
        Assert.That(() => File.WriteAllText(Path.Join(_target, "new"), ""), Throws.InstanceOf<IOException>().With.Message.Contains("Read-only"));
        await SucceedAsync("umount", _target);

        Assert.That(await SnapshotsAsync("mount", "job", _target), Is.Empty);
        Assert.That(File.ReadAllText(Path.Join(_target, "file")), Is.EqualTo("of the job"));
        await SucceedAsync("umount", _target);

        JsonNode[] listed = [.. JsonNode.Parse(await SnapshotsAsync("ls", "--json"))!.AsArray().Select(snapshot => snapshot!)];
        Assert.That(listed.Select(snapshot => $"{snapshot["key"]} {snapshot["kind"]} {snapshot["parent"]} {snapshot["labels"]!.ToJsonString()}"), Is.EquivalentTo(new[]
        {
            $$"""{{Base}} Committed  {"made-by":"hand"}""",
            $$"""job Active {{Base}} {"job":"1"}""",
            $$"""look View {{Base}} {}""",
        }));
        Assert.That(listed.Select(snapshot => snapshot["createdAt"]!.GetValue<DateTimeOffset>()), Is.All.GreaterThan(DateTimeOffset.UnixEpoch));
    }

    [Test]
    public async Task The_table_shows_every_snapshot_in_a_line_and_cuts_no_name()
    {
        await MakeBaseAsync(("z", "last"), ("a", "line\nbreak"));
        await SnapshotsAsync("prepare", "job", Base);

        string[] lines = Lines(await SnapshotsAsync("ls"));
        Assert.That(lines[0], Does.Match("^KEY +PARENT +KIND +CREATED$"));
        Assert.That(lines[1], Does.Match($"^job +{Base} +Active +[0-9]{{4}}-"));
        Assert.That(lines[2], Does.Match($"^{Base} +Committed +[0-9]{{4}}-"));
        Assert.That(lines, Has.Length.EqualTo(3));

        string[] labelled = Lines(await SnapshotsAsync("ls", "--labels"));
        Assert.That(labelled[2], Does.EndWith("""a=line\u000abreak,z=last"""));
        Assert.That(Lines(await SnapshotsAsync("ls", "--quiet")), Is.EqualTo(new[] { "job", Base }));
        Assert.That(Lines(await SnapshotsAsync("--quiet")), Is.EqualTo(new[] { "job", Base }));
    }

    [Test, RequiresProgram("mount")]
    public async Task Mounts_are_printed_as_commands_for_a_shell()
    {
        await MakeBaseAsync();
        await AssertShellMountsAsync(await SnapshotsAsync("prepare", "job", Base));
        await AssertShellMountsAsync(await SnapshotsAsync("view", "look", Base));
        string printed = await SnapshotsAsync("mounts", "job");
        Assert.That(printed, Does.StartWith("mount -t overlay -o workdir="));
        await AssertShellMountsAsync(printed);
    }

    [Test]
    public async Task Mounts_are_printed_as_json()
    {
        await MakeBaseAsync();
        string prepared = await SnapshotsAsync("prepare", "job", Base, "--json");
        Assert.That(await SnapshotsAsync("mounts", "job", "--json"), Is.EqualTo(prepared));

        Mount mount = JsonNode.Parse(prepared)!.AsArray().Select(json => new Mount
        {
            Type = json!["type"]!.GetValue<string>(),
            Source = json["source"]!.GetValue<string>(),
            Target = json["target"]!.GetValue<string>(),
            Options = [.. json["options"]!.AsArray().Select(option => option!.GetValue<string>())],
        }).Single();
        using OverlaySnapshotter snapshotter = Open();
        Assert.That(await snapshotter.MountsAsync("job"), Is.EqualTo(new[] { mount }));
    }

    [Test]
    public async Task Labels_are_set_and_removed()
    {
        await SnapshotsAsync("prepare", "job", "--label", "a=1", "--label", "b=2=two");
        Assert.That(await SnapshotsAsync("label", "job", "a=", "c=3"), Is.EqualTo("b=2=two\nc=3\n"));
        Assert.That(await SnapshotsAsync("label", "job", "none="), Is.EqualTo("b=2=two\nc=3\n"));
    }

    [Test]
    public async Task Usage_is_that_of_the_snapshot_alone()
    {
        await MakeBaseAsync();
        await SnapshotsAsync("view", "look", Base);
        string[] lines = Lines(await SnapshotsAsync("usage", Base, "look"));
        Assert.That(lines[0], Does.Match("^KEY +BYTES +INODES$"));
        Assert.That(lines[1], Does.Match($"^{Base} +[1-9][0-9]* +2$"), "the root directory and one file");
        Assert.That(lines[2], Does.Match("^look +0 +0$"));
    }

    [Test]
    public async Task Removing_several_goes_on_after_one_that_cannot_be_removed()
    {
        await MakeBaseAsync();
        using (OverlaySnapshotter snapshotter = Open())
        {
            await snapshotter.PrepareAsync("one", Base);
            await snapshotter.PrepareAsync("two", Base);
        }
        CtrResult removal = await _ctr.RunAsync("snapshots", "rm", "one", Base, "none");
        Assert.That(removal.ExitCode, Is.EqualTo(125), removal.ToString());
        Assert.That(Lines(removal.Error), Has.Length.EqualTo(2).And.All.StartsWith("ctr-net snapshots rm: "));
        Assert.That(removal.Error, Does.Contain($"'{Base}'").And.Contain("'none'"));
        Assert.That(Lines(await SnapshotsAsync("ls", "-q")), Is.EqualTo(new[] { Base, "two" }));

        await SnapshotsAsync("rm", "two", Base);
        await SnapshotsAsync("cleanup");
        Assert.That(await SnapshotsAsync("ls", "-q"), Is.Empty);
        Assert.That(Directory.EnumerateFiles(_ctr.Root, "file", SearchOption.AllDirectories), Is.Empty, "the base's file is gone from the disk");
    }

    [Test]
    public async Task A_store_anywhere_is_worked_on()
    {
        string elsewhere = Path.Join(_ctr.Path, "elsewhere");
        await SnapshotsAsync("--snapshots", elsewhere, "prepare", "job");
        Assert.That(await SnapshotsAsync("ls", "-q", "--snapshots", elsewhere), Is.EqualTo("job\n"));
        Assert.That(Directory.Exists(_ctr.Root), Is.False, "nothing was made below --root");
        using var snapshotter = new OverlaySnapshotter(elsewhere);
        Assert.That((await snapshotter.FindAsync("job"))?.Kind, Is.EqualTo(SnapshotKind.Active));
    }

    [Test]
    public async Task What_cannot_be_mounted_is_not_prepared_either()
    {
        CtrResult failed = await _ctr.RunAsync("snapshots", "prepare", "job", "--mount", Path.Join(_target, "none"));
        Assert.That(failed.ExitCode, Is.EqualTo(125), failed.ToString());
        Assert.That(failed.Error, Does.StartWith("ctr-net snapshots prepare: ").And.Contain(Path.Join(_target, "none")));
        Assert.That(await SnapshotsAsync("ls", "-q"), Is.Empty);
    }

    [TestCase("mounts none", "'none'")]
    [TestCase("mounts base", "committed")]
    [TestCase("mount none TARGET", "'none'")]
    [TestCase("mount base TARGET", "committed")]
    [TestCase("usage none", "'none'")]
    [TestCase("label none a=b", "'none'")]
    [TestCase("label base nonsense", "'nonsense' is no label")]
    [TestCase("label base =value", "'=value' is no label")]
    [TestCase("prepare base", "exists already")]
    [TestCase("prepare new none", "'none'")]
    [TestCase("prepare new --label nonsense", "'nonsense' is no label")]
    [TestCase("view new view", "not committed")]
    [TestCase("commit new none", "'none'")]
    [TestCase("commit new view", "a view")]
    [TestCase("rm base", "based on it")]
    public async Task An_error_is_a_line_that_says_what_is_wrong(string commandLine, string says)
    {
        using OverlaySnapshotter snapshotter = Open();
        await snapshotter.PrepareAsync("work");
        await snapshotter.CommitAsync("base", "work");
        await snapshotter.ViewAsync("view", "base");

        string[] arguments = [.. commandLine.Split(' ').Select(word => word == "TARGET" ? _target : word)];
        CtrResult failed = await _ctr.RunAsync(["snapshots", .. arguments]);
        Assert.That(failed.ExitCode, Is.EqualTo(125), failed.ToString());
        Assert.That(Lines(failed.Error), Has.Length.EqualTo(1), failed.ToString());
        Assert.That(failed.Error, Does.StartWith($"ctr-net snapshots {arguments[0]}: ").And.Contain(says));
        Assert.That(failed.Output, Is.Empty);
        Assert.That(await snapshotter.ListAsync().Select(snapshot => snapshot.Name).ToListAsync(), Is.EquivalentTo(new[] { "base", "view" }));
    }

    [TestCase("commit only-a-name")]
    [TestCase("usage")]
    [TestCase("rm")]
    [TestCase("nonsense")]
    public async Task A_command_line_that_makes_no_sense_does_nothing(string commandLine)
    {
        CtrResult failed = await _ctr.RunAsync(["snapshots", .. commandLine.Split(' ')]);
        Assert.That(failed.ExitCode, Is.EqualTo(1), failed.ToString());
        Assert.That(failed.Error, Is.Not.Empty);
        Assert.That(Directory.Exists(_ctr.Root), Is.False);
    }

    [Test]
    public async Task Mount_binds_and_remounts()
    {
        string source = NewDirectory("source");
        File.WriteAllText(Path.Join(source, "file"), "");
        await SucceedAsync("mount", "-o", "bind", source, _target);
        Assert.That(File.Exists(Path.Join(_target, "file")), Is.True);
        await SucceedAsync("mount", "-o", "remount,ro", "-o", "bind", source, _target);
        Assert.That(() => File.Delete(Path.Join(_target, "file")), Throws.InstanceOf<IOException>().With.Message.Contains("Read-only"));
        await SucceedAsync("umount", _target);
        Assert.That(Directory.EnumerateFileSystemEntries(_target), Is.Empty);
        await SucceedAsync("umount", _target);
    }

    [Test]
    public async Task Umount_reaches_what_is_beneath_when_asked()
    {
        await SucceedAsync("mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "outer", _target);
        string inner = Directory.CreateDirectory(Path.Join(_target, "inner")).FullName;
        await SucceedAsync("mount", "--type", "tmpfs", "inner", inner);

        CtrResult busy = await _ctr.RunAsync("umount", _target);
        Assert.That(busy.ExitCode, Is.EqualTo(125), busy.ToString());
        Assert.That(busy.Error, Does.StartWith("ctr-net umount: ").And.Contain(_target).And.Contain("busy"));
        Assert.That(Directory.Exists(inner), Is.True);
        await SucceedAsync("umount", "--recursive", _target);
    }

    [Test]
    public async Task Umount_takes_what_is_in_use_when_asked()
    {
        await SucceedAsync("mount", "-t", "tmpfs", "tree", _target);
        using FileStream open = File.Create(Path.Join(_target, "open"));
        CtrResult busy = await _ctr.RunAsync("umount", _target);
        Assert.That(busy.ExitCode, Is.EqualTo(125), busy.ToString());
        await SucceedAsync("umount", "--lazy", _target);
        Assert.That(Directory.EnumerateFileSystemEntries(_target), Is.Empty);
        open.WriteByte(1);
    }

    [TestCase("SOURCE TARGET", "--type")]
    [TestCase("-t no-such-fs SOURCE TARGET", "no-such-fs")]
    [TestCase("-o bind SOURCE TARGET/none", "none")]
    [TestCase("-o bind SOURCE/none TARGET", "none")]
    public async Task A_mount_that_fails_says_why(string commandLine, string says)
    {
        string source = NewDirectory("source");
        string line = commandLine.Replace("SOURCE", source, StringComparison.Ordinal).Replace("TARGET", _target, StringComparison.Ordinal);
        CtrResult failed = await _ctr.RunAsync(["mount", .. line.Split(' ')]);
        Assert.That(failed.ExitCode, Is.EqualTo(125), failed.ToString());
        Assert.That(failed.Error, Does.StartWith("ctr-net mount: ").And.Contain(says));
    }

    [TestCase("native")]
    [TestCase("overlay")]
    public async Task A_store_is_opened_by_the_snapshotter_that_made_it(string snapshotter)
    {
        string store = NewDirectory("store");
        await SnapshotsAsync("prepare", "work", "--snapshots", store, "--snapshotter", snapshotter, "--mount", _target);
        File.WriteAllText(Path.Join(_target, "file"), "of the base");
        await SucceedAsync("umount", _target);
        await SnapshotsAsync("commit", Base, "work", "--snapshots", store);
        await AssertShellMountsAsync(await SnapshotsAsync("view", "look", Base, "--snapshots", store));
        Assert.That(File.ReadAllText(Path.Join(store, "format")), Does.Contain($"snapshots.{snapshotter}"));

        CtrResult refused = await _ctr.RunAsync("snapshots", "ls", "--snapshots", store, "--snapshotter", snapshotter == "native" ? "overlay" : "native");
        Assert.That(refused.ExitCode, Is.EqualTo(125), refused.ToString());
        Assert.That(refused.Error, Does.Contain($"snapshots.{snapshotter}"));
    }

    [Test]
    public async Task A_store_that_is_read_only_is_looked_at_and_not_changed()
    {
        await MakeBaseAsync();
        Assert.That(Lines(await SnapshotsAsync("ls", "--quiet", "--read-only")), Is.EqualTo(new[] { Base }));
        CtrResult refused = await _ctr.RunAsync("snapshots", "prepare", "job", Base, "--read-only");
        Assert.That(refused.ExitCode, Is.EqualTo(125), refused.ToString());
        Assert.That(refused.Error, Does.Contain("read only"));
        CtrResult missing = await _ctr.RunAsync("snapshots", "ls", "--read-only", "--snapshots", Path.Join(_ctr.Path, "none"));
        Assert.That(missing.ExitCode, Is.EqualTo(125), missing.ToString());
        Assert.That(Directory.Exists(Path.Join(_ctr.Path, "none")), Is.False);
    }

    [Test]
    public async Task A_damaged_layer_is_found_and_removed()
    {
        await MakeBaseAsync();
        Assert.That(await SnapshotsAsync("verify"), Is.Empty);
        string file = Directory.EnumerateFiles(Path.Join(_ctr.Root, "snapshots", "layers"), "file", SearchOption.AllDirectories).Single();
        File.WriteAllText(file, "");

        CtrResult found = await _ctr.RunAsync("snapshots", "verify");
        Assert.That(found.ExitCode, Is.EqualTo(2), found.ToString());
        Assert.That(found.Output, Does.Contain("ChangedTree").And.Contain(Base));
        Assert.That(Lines(await SnapshotsAsync("repair")), Is.EqualTo(new[] { Base }));
        Assert.That(await SnapshotsAsync("verify"), Is.Empty);
        Assert.That(await SnapshotsAsync("ls", "--quiet"), Is.Empty);
    }

    [Test]
    public async Task A_damaged_database_is_recovered()
    {
        await MakeBaseAsync();
        string database = Path.Join(_ctr.Root, "snapshots", "metadata.db");
        using (FileStream header = File.OpenWrite(database))
            header.Write(new byte[100]);
        CtrResult refused = await _ctr.RunAsync("snapshots", "ls");
        Assert.That(refused.ExitCode, Is.EqualTo(125), refused.ToString());
        Assert.That(refused.Error, Does.Contain("damaged"));
        await SnapshotsAsync("recover");
        await SnapshotsAsync("ls");
        Assert.That(File.Exists(database + ".damaged-1"));
    }

    [Test]
    public async Task Probing_tells_what_works_and_why_the_rest_does_not()
    {
        string[] lines = Lines(await SnapshotsAsync("probe", "--snapshots", NewDirectory("empty")));
        Assert.That(lines, Has.Length.EqualTo(4));
        Assert.That(lines[1], Does.StartWith("overlay").And.Contain("yes"));
        Assert.That(lines[3], Does.StartWith("native").And.Contain("yes"));
    }

    // In this process, where what is tested is what comes after.
    private async Task MakeBaseAsync(params (string Key, string Value)[] labels)
    {
        await using OverlaySnapshotter snapshotter = Open();
        IReadOnlyList<Mount> mounts = await snapshotter.PrepareAsync("work");
        using (IDetachedMount tree = new LinuxMounter().MountDetached(mounts))
            await File.WriteAllTextAsync(Path.Join(tree.Path, "file"), "of the base");
        await snapshotter.CommitAsync(Base, "work", new SnapshotCommitOptions { Labels = labels.ToDictionary(label => label.Key, label => label.Value) });
    }

    private OverlaySnapshotter Open() => new(Path.Join(_ctr.Root, "snapshots"));

    private async Task AssertShellMountsAsync(string commands)
    {
        await Shell.RunAsync("/bin/sh", "-ec", $"TARGET='{_target}'\n{commands}");
        Assert.That(File.ReadAllText(Path.Join(_target, "file")), Is.EqualTo("of the base"), commands);
        await SucceedAsync("umount", _target);
    }

    private string NewDirectory(string name) => Directory.CreateDirectory(Path.Join(_ctr.Path, name)).FullName;

    private Task<string> SnapshotsAsync(params string[] arguments) => SucceedAsync(["snapshots", .. arguments]);

    private async Task<string> SucceedAsync(params string[] arguments)
    {
        CtrResult result = await _ctr.RunAsync(arguments);
        Assert.That(result.ExitCode, Is.Zero, $"{string.Join(' ', arguments)}\n{result}");
        Assert.That(result.Error, Is.Empty);
        return result.Output;
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
