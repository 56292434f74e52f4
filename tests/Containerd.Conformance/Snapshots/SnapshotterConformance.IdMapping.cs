using System.Globalization;

namespace Containerd.Conformance;

public abstract partial class SnapshotterConformance
{
    private const uint FirstHost = 100_000, SecondHost = 300_000;

    /// <summary>Mounts with mapped IDs show the parent's files with other owners; what is written has the image's on disk, whatever the map it is seen through later.</summary>
    [Test]
    public async Task MappedMountsShowMappedOwners()
    {
        await CommitLayerAsync("layer", null, root =>
        {
            Write(root, "theirs", "1");
            Write(root, "directory/file", "1");
            Run("chown", "-R", "5:6", Path.Join(root, "theirs"));
            Run("chown", "0:0", root);
        });
        if (!Snapshotter.Capabilities.HasFlag(SnapshotterCapabilities.RemapIds))
        {
            Assert.That(await KindOf(Snapshotter.PrepareAsync("mapped", "layer", MappedTo(FirstHost))), Is.EqualTo(ErrorKind.NotSupported));
            Assert.That(await KindOf(Snapshotter.ViewAsync("mapped", "layer", MappedTo(FirstHost))), Is.EqualTo(ErrorKind.NotSupported));
            Assert.That(await Snapshotter.FindAsync("mapped"), Is.Null);
            return;
        }
        IReadOnlyList<Mount> mounts = await Snapshotter.PrepareAsync("mapped", "layer", MappedTo(FirstHost));
        Assert.That(await Snapshotter.MountsAsync("mapped"), Is.EqualTo(mounts));
        Change(mounts, root =>
        {
            Assert.That(OwnerOf(root, "theirs"), Is.EqualTo($"{FirstHost + 5}:{FirstHost + 6}"));
            Assert.That(OwnerOf(root, "directory/file"), Is.EqualTo($"{FirstHost}:{FirstHost}"));
            RunAs(FirstHost, "touch", Path.Join(root, "new"));
            RunAs(FirstHost, "rm", Path.Join(root, "directory/file"));
            RunAs(FirstHost + 5, "sh", "-c", $"echo more >> '{root}/theirs'");
        });
        await ReopenAsync();
        Assert.That(await Snapshotter.MountsAsync("mapped"), Is.EqualTo(mounts), "also when the store is opened again");
        await Snapshotter.CommitAsync("changed", "mapped");

        Change(await Snapshotter.ViewAsync("plain", "changed"), root => Assert.That(Owners(root), Is.EqualTo(new[] { "0:0", "5:6", "0:0" })));
        Change(await Snapshotter.ViewAsync("mapped view", "changed", MappedTo(SecondHost)), root => Assert.That(
            Owners(root), Is.EqualTo(new[] { $"{SecondHost}:{SecondHost}", $"{SecondHost + 5}:{SecondHost + 6}", $"{SecondHost}:{SecondHost}" })));
        Change(await Snapshotter.PrepareAsync("mapped again", "changed", MappedTo(SecondHost)), root => Assert.That(
            Owners(root), Is.EqualTo(new[] { $"{SecondHost}:{SecondHost}", $"{SecondHost + 5}:{SecondHost + 6}", $"{SecondHost}:{SecondHost}" })));
        Assert.That(await ContentOfAsync("changed"), Is.EqualTo(new[] { "directory/", "new=", "theirs=1more\n" }));

        static string[] Owners(string root) => [OwnerOf(root, "new"), OwnerOf(root, "theirs"), OwnerOf(root, "directory")];
    }

    /// <summary>A snapshot of nothing can be mapped too: its root is the container's root's.</summary>
    [Test]
    public async Task MappedEmptyTreeBelongsToTheContainersRoot()
    {
        if (!Snapshotter.Capabilities.HasFlag(SnapshotterCapabilities.RemapIds))
        {
            Assert.That(await KindOf(Snapshotter.PrepareAsync("mapped", null, MappedTo(FirstHost))), Is.EqualTo(ErrorKind.NotSupported));
            return;
        }
        Change(await Snapshotter.PrepareAsync("mapped", null, MappedTo(FirstHost)), root =>
        {
            Assert.That(OwnerOf(root, ""), Is.EqualTo($"{FirstHost}:{FirstHost}"));
            RunAs(FirstHost, "mkdir", Path.Join(root, "directory"));
        });
        await Snapshotter.CommitAsync("layer", "mapped");
        Change(await Snapshotter.ViewAsync("view", "layer"), root => Assert.That(OwnerOf(root, "directory"), Is.EqualTo("0:0")));
    }

    /// <summary>Maps that are none are refused, and nothing is made.</summary>
    [Test]
    public async Task BadMapsAreRefused()
    {
        ErrorKind expected = Snapshotter.Capabilities.HasFlag(SnapshotterCapabilities.RemapIds) ? ErrorKind.InvalidArgument : ErrorKind.NotSupported;
        IdMapping whole = new(0, FirstHost, 65536);
        SnapshotOptions[] bad =
        [
            new() { UserMappings = [whole] },
            new() { GroupMappings = [whole] },
            new() { UserMappings = [whole with { Length = 0 }], GroupMappings = [whole] },
            new() { UserMappings = [whole], GroupMappings = [whole, new(65535, 500_000, 2)] },
            new() { UserMappings = [whole, new(100_000, FirstHost + 5, 2)], GroupMappings = [whole] },
            new() { UserMappings = [whole with { HostId = uint.MaxValue }], GroupMappings = [whole] },
        ];
        foreach (SnapshotOptions options in bad)
        {
            ErrorKind kind = await KindOf(Snapshotter.PrepareAsync("mapped", null, options));
            Assert.That(kind, Is.EqualTo(expected).Or.EqualTo(ErrorKind.InvalidArgument), $"{string.Join(',', options.UserMappings)} {string.Join(',', options.GroupMappings)}");
            Assert.That(await Snapshotter.FindAsync("mapped"), Is.Null);
        }
    }

    private static SnapshotOptions MappedTo(uint host) => new() { UserMappings = [new(0, host, 65536)], GroupMappings = [new(0, host, 65536)] };

    private static string OwnerOf(string root, string file) => Run("stat", "-c", "%u:%g", Path.Join(root, file));

    // As the root of a container with a user namespace does: with the IDs of its map, and no right over others.
    private static void RunAs(uint id, params string[] command)
    {
        string text = id.ToString(CultureInfo.InvariantCulture);
        Run("setpriv", [$"--reuid={text}", $"--regid={text}", "--clear-groups", "--inh-caps=-all", .. command]);
    }
}
