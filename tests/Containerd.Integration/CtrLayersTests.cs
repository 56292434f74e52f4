using System.Security.Cryptography;
using Containerd.Conformance;
using Containerd.Integration.Fixtures;
using Containerd.Snapshots;

namespace Containerd.Integration;

/// <summary>Layers and copies from the sample command line, each call a process of its own.</summary>
[RequiresRoot]
[RequiresFileSystem("overlay")]
public sealed class CtrLayersTests
{
    private Machine _before = null!;
    private Ctr _ctr = null!;

    [SetUp]
    public void SetUp()
    {
        _before = Machine.Look();
        _ctr = new Ctr();
    }

    [TearDown]
    public void NothingStaysMounted()
    {
        IReadOnlyList<string> left = Machine.Look().Since(_before);
        new LinuxMounter().Unmount(_ctr.Path, UnmountOptions.Recursive | UnmountOptions.Lazy);
        _ctr.Dispose();
        Assert.That(left, Is.Empty);
    }

    [Test, RequiresProgram("gzip")]
    public async Task A_layer_is_applied_to_a_directory()
    {
        byte[] archive = new TarBuilder().Directory("etc", new() { Mode = 0x1C0, Uid = 5 }).File("etc/motd", "hello").Whiteout("old").ToArray();
        string plain = this["layer.tar"], tree = this["tree"];
        await File.WriteAllBytesAsync(plain, archive);
        Directory.CreateDirectory(tree);
        await File.WriteAllTextAsync(Path.Join(tree, "old"), "");
        await File.WriteAllTextAsync(Path.Join(tree, "kept"), "");
        await Shell.RunAsync("gzip", "--keep", plain);

        foreach (string file in new[] { plain, plain + ".gz" })
        {
            string[] lines = Lines(await SucceedAsync("layer", "apply", file, tree));
            Assert.That(lines[0], Does.Match("^DIFF ID +BYTES +ENTRIES$"));
            Assert.That(lines[1].Split(' ', StringSplitOptions.RemoveEmptyEntries), Is.EqualTo(new[] { $"{Digest.Sha256(archive)}", $"{archive.Length}", "3" }));
            Assert.That(TreeFile.ReadAll(tree).Select(found => $"{found} {Convert.ToString(found.Mode, 8)} {found.Uid}"), Is.EqualTo(new[] { "etc/ 700 5", "etc/motd=hello 644 0", "kept= 644 0" }));
        }
        Assert.That(await SucceedAsync("layer", "apply", "-q", plain, this["new/tree"]), Is.EqualTo($"{Digest.Sha256(archive)}\n"), "a directory that is missing is made");
    }

    [Test]
    public async Task The_difference_of_directories_makes_one_out_of_the_other()
    {
        string before = MakeTree("before", ("same", "1"), ("changed", "1"), ("removed", "1"));
        string after = MakeTree("after", ("same", "1"), ("changed", "2"), ("new/file", "2"));
        foreach (string type in new[] { MediaTypes.OciLayer, MediaTypes.OciLayerGzip, MediaTypes.OciLayerZstd })
        {
            string layer = this["layer"], made = MakeTree(type.Replace('/', '-'), ("same", "1"), ("changed", "1"), ("removed", "1"));
            string[] digests = Lines(await SucceedAsync("layer", "diff", "--media-type", type, before, after, layer))[1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            byte[] written = await File.ReadAllBytesAsync(layer);
            Assert.That(digests[0], Is.EqualTo($"sha256:{Convert.ToHexStringLower(SHA256.HashData(written))}"));
            Assert.That(digests[1], Is.EqualTo($"{written.Length}"));
            Assert.That(await SucceedAsync("layer", "apply", "-q", layer, made), Is.EqualTo(digests[2] + "\n"), "the diff ID");
            Assert.That(Show(made), Is.EqualTo(Show(after)));
        }
        Assert.That(Directory.GetFiles(_ctr.Path).Select(Path.GetFileName), Is.EqualTo(new[] { "layer" }), "nothing unfinished is left");
    }

    [Test]
    public async Task The_difference_of_snapshots_is_what_was_changed()
    {
        string target = Directory.CreateDirectory(this["target"]).FullName;
        await SucceedAsync("snapshots", "prepare", "work", "--mount", target);
        await File.WriteAllTextAsync(Path.Join(target, "below"), "1");
        await File.WriteAllTextAsync(Path.Join(target, "removed"), "1");
        await SucceedAsync("umount", target);
        await SucceedAsync("snapshots", "commit", "base", "work");
        await SucceedAsync("snapshots", "prepare", "job", "base", "--mount", target);
        await File.WriteAllTextAsync(Path.Join(target, "above"), "2");
        File.Delete(Path.Join(target, "removed"));
        await SucceedAsync("umount", target);

        await SucceedAsync("layer", "diff", "base", "job", this["active.tar.gz"]);
        Assert.That(await MembersAsync(this["active.tar.gz"]), Is.EqualTo(new[] { ".wh.removed", "above" }));
        await SucceedAsync("snapshots", "commit", "image", "job");
        await SucceedAsync("layer", "diff", "base", "image", this["committed.tar.gz"]);
        Assert.That(await MembersAsync(this["committed.tar.gz"]), Is.EqualTo(new[] { ".wh.removed", "above" }));
        await SucceedAsync("layer", "diff", "-", "image", this["whole.tar.gz"]);
        Assert.That(await MembersAsync(this["whole.tar.gz"]), Is.EqualTo(new[] { "above", "below" }));
        await SucceedAsync("layer", "diff", "image", MakeTree("directory", ("below", "1")), this["mixed.tar.gz"]);
        Assert.That(await MembersAsync(this["mixed.tar.gz"]), Has.Member(".wh.above"));
        Assert.That(Lines(await SucceedAsync("snapshots", "ls", "-q")), Is.EquivalentTo(new[] { "base", "image" }), "no view is left");
    }

    [Test]
    public async Task A_source_date_bounds_times_and_a_level_is_for_the_compression()
    {
        string tree = MakeTree("tree", ("file", new string('a', 100_000)));
        File.SetLastWriteTimeUtc(Path.Join(tree, "file"), new DateTime(2030, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        await SucceedAsync("layer", "diff", "--source-date", "86400", "--level", "9", "-", tree, this["by-seconds"]);
        await SucceedAsync("layer", "diff", "--source-date", "1970-01-02", "--level", "9", "-", tree, this["by-date"]);
        Assert.That(await File.ReadAllBytesAsync(this["by-seconds"]), Is.EqualTo(await File.ReadAllBytesAsync(this["by-date"])));
        Assert.That(await Shell.RunAsync("tar", "--utc", "-tvzf", this["by-date"]), Does.Contain("1970-01-02 00:00 file"));
        await SucceedAsync("layer", "diff", "--source-date", "0", "--level", "0", "-", tree, this["stored"]);
        Assert.That(new FileInfo(this["stored"]).Length, Is.GreaterThan(100_000));
    }

    [Test]
    public async Task A_tree_is_copied_as_the_options_say()
    {
        string source = MakeTree("source", ("keep/a", "1"), ("keep/b.log", "1"), ("other", "1"));
        File.CreateSymbolicLink(Path.Join(source, "link"), "keep/a");
        string target = MakeTree("target", ("stale", "0"));

        string[] lines = Lines(await SucceedAsync("copy", source, target));
        Assert.That(lines[0], Does.Match("^ENTRIES +BYTES$"));
        Assert.That(lines[1].Split(' ', StringSplitOptions.RemoveEmptyEntries), Is.EqualTo(new[] { "5", "3" }));
        Assert.That(Show(target), Is.EqualTo(new[] { "keep/", "keep/a=1", "keep/b.log=1", "link->keep/a", "other=1", "stale=0" }), "merged");

        await SucceedAsync("copy", "--mirror", source, target);
        Assert.That(Show(target), Is.EqualTo(Show(source)), "mirrored");

        await SucceedAsync("copy", "--include", "keep", "--exclude", "**/*.log", source, this["chosen"]);
        Assert.That(Show(this["chosen"]), Is.EqualTo(new[] { "keep/", "keep/a=1" }));
    }

    [TestCase("layer apply NONE DIR", "NONE")]
    [TestCase("layer apply NOISE DIR", "layer")]
    [TestCase("layer diff DIR NONE FILE", "NONE")]
    [TestCase("layer diff none DIR FILE", "'none'")]
    [TestCase("layer diff DIR - FILE", "can only be LOWER")]
    [TestCase("layer diff --media-type text/plain - DIR FILE", "text/plain")]
    [TestCase("layer diff --level 99 - DIR FILE", "99")]
    [TestCase("layer diff --source-date soon - DIR FILE", "'soon'")]
    [TestCase("copy NONE DIR", "NONE")]
    [TestCase("copy DIR DIR/in", "DIR")]
    [TestCase("copy --include [ DIR NONE", "[")]
    public async Task An_error_is_a_line_that_says_what_is_wrong(string commandLine, string says)
    {
        string noise = this["noise"], directory = MakeTree("directory", ("file", "1"));
        await File.WriteAllTextAsync(noise, string.Concat(Enumerable.Repeat("no archive ", 100)));
        string Fill(string text) => text
            .Replace("NONE", this["none"], StringComparison.Ordinal).Replace("NOISE", noise, StringComparison.Ordinal)
            .Replace("DIR", directory, StringComparison.Ordinal).Replace("FILE", this["written"], StringComparison.Ordinal);

        CtrResult failed = await _ctr.RunAsync([.. commandLine.Split(' ').Select(Fill)]);
        Assert.That(failed.ExitCode, Is.EqualTo(125), failed.ToString());
        Assert.That(failed.Output, Is.Empty);
        Assert.That(Lines(failed.Error), Has.Length.EqualTo(1));
        Assert.That(failed.Error, Does.StartWith($"ctr-net {string.Join(' ', commandLine.Split(' ').TakeWhile(word => word is "layer" or "apply" or "diff" or "copy"))}: ").And.Contain(Fill(says)));
        Assert.That(File.Exists(this["written"]), Is.False, "no layer that is not whole");
    }

    private string this[string name] => Path.Join(_ctr.Path, name);

    private string MakeTree(string name, params (string Path, string Content)[] files)
    {
        string root = Directory.CreateDirectory(this[name]).FullName;
        foreach ((string path, string content) in files)
        {
            string file = Path.Join(root, path);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, content);
            File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch.AddDays(content[0] - '0' + 1));
        }
        return root;
    }

    private static string[] Show(string directory) => [.. TreeFile.ReadAll(directory).Select(file => file.ToString())];

    private static async Task<string[]> MembersAsync(string layer) => [.. Lines(await Shell.RunAsync("tar", "-tzf", layer)).Order(StringComparer.Ordinal)];

    private async Task<string> SucceedAsync(params string[] arguments)
    {
        CtrResult result = await _ctr.RunAsync(arguments);
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        Assert.That(result.Error, Is.Empty);
        return result.Output;
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
