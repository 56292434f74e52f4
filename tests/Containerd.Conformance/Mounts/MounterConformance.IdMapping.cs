using System.Diagnostics;

namespace Containerd.Conformance;

public abstract partial class MounterConformance
{
    private const int Shift = 100_000;
    private static readonly string[] Shifted = [$"uidmap=0:{Shift}:65536", $"gidmap=0:{Shift}:65536"];

    /// <summary>Whether the mounter maps IDs.</summary>
    protected virtual bool CanMapIds => true;

    /// <summary>A bind with mapped IDs shows other owners, and writes the ones of the disk; read-only ones as well.</summary>
    /// <param name="readOnly">Whether the bind is.</param>
    [TestCase(false), TestCase(true), RequiresKernel(6, 3)]
    public void BindMapsIds(bool readOnly)
    {
        string source = NewTmpfs("source"), target = NewDirectory("target");
        File.WriteAllText(Path.Join(source, "file"), "");
        ChangeOwner(Path.Join(source, "file"), 5, 6);
        Mount bind = Mount.Bind(source, readOnly);
        if (RefusesToMap(bind, target))
            return;
        Mounter.Mount([bind with { Options = [.. bind.Options, .. Shifted] }], target);
        Assert.That(OwnerOf(Path.Join(target, "file")), Is.EqualTo((Shift + 5, Shift + 6)));
        Assert.That(OwnerOf(Path.Join(source, "file")), Is.EqualTo((5, 6)));
        if (readOnly)
        {
            AssertReadOnly(target);
            return;
        }
        WriteAs(Shift + 7, Path.Join(target, "new"));
        Assert.That(OwnerOf(Path.Join(source, "new")), Is.EqualTo((7, 7)));
    }

    /// <summary>A map of a recursive bind holds for what is mounted beneath; what it leaves out belongs to nobody.</summary>
    [Test, RequiresKernel(6, 3)]
    public void RecursiveBindMapsIdsThroughout()
    {
        string source = NewTmpfs("source"), inner = NewTmpfs("source/inner"), target = NewDirectory("target");
        File.WriteAllText(Path.Join(inner, "file"), "");
        ChangeOwner(inner, 20, 30);
        if (RefusesToMap(Mount.Bind(source), target))
            return;
        Mounter.Mount([Mount.Bind(source) with { Options = ["rbind", "uidmap=0:1000:5,20:2000:5", "gidmap=0:1000:5,30:3000:1,40:4000:1", "rw"] }], target);
        Assert.That(OwnerOf(Path.Join(target, "inner")), Is.EqualTo((2000, 3000)));
        Assert.That(OwnerOf(Path.Join(target, "inner/file")), Is.EqualTo((1000, 1000)));
        ChangeOwner(inner, 7, 7);
        Assert.That(OwnerOf(Path.Join(target, "inner")), Is.EqualTo((65534, 65534)));
    }

    /// <summary>A new file system with mapped IDs.</summary>
    [Test, RequiresKernel(6, 3)]
    public void NewFileSystemMapsIds()
    {
        string target = NewDirectory("target");
        if (RefusesToMap(Tmpfs(), target))
            return;
        Mounter.Mount([Tmpfs("mode=0777", string.Join(',', Shifted))], target);
        Assert.That(OwnerOf(target), Is.EqualTo((Shift, Shift)));
        WriteAs(Shift + 1, Path.Join(target, "file"));
    }

    /// <summary>
    /// An overlay with mapped IDs shows its layers with other owners. What is written through it has the owners of the disk in its upper directory: new files,
    /// copies, whiteouts, so that it can be committed as a layer.
    /// </summary>
    [Test, RequiresKernel(6, 3)]
    public void OverlayMapsIds()
    {
        OverlayMount overlay = NewMappedOverlay();
        string target = NewDirectory("target"), upper = overlay.UpperDirectory!, layer = overlay.LowerDirectories[0];
        if (RefusesToMap((overlay with { Options = [] }).ToMount(), target))
            return;
        IReadOnlyList<string> before = SeenMounts();
        Mounter.Mount([overlay.ToMount()], target);
        Assert.That(SeenMounts().Except(before).Count(), Is.EqualTo(1), "no mount of the layers is left");
        Assert.That(OwnerOf(Path.Join(target, "both")), Is.EqualTo((Shift + 7, Shift + 8)));
        Assert.That(OwnerOf(Path.Join(target, "below")), Is.EqualTo((Shift, Shift)));

        WriteAs(Shift, Path.Join(target, "new"));
        WriteAs(Shift + 7, Path.Join(target, "both"));
        RunAs(Shift, "rm", Path.Join(target, "below"));
        RunAs(Shift, "mkdir", Path.Join(target, "directory"));
        Assert.That(OwnerOf(Path.Join(upper, "new")), Is.EqualTo((0, 0)));
        Assert.That(OwnerOf(Path.Join(upper, "both")), Is.EqualTo((7, 8)));
        Assert.That(OwnerOf(Path.Join(upper, "below")), Is.EqualTo((0, 0)), "the whiteout");
        Assert.That(OwnerOf(Path.Join(upper, "directory")), Is.EqualTo((0, 0)));
        Assert.That(OwnerOf(Path.Join(layer, "both")), Is.EqualTo((7, 8)));
        Assert.That(() => File.WriteAllText(Path.Join(target, "unmapped"), ""), Throws.InstanceOf<IOException>(), "the host's root is not in the map");

        Mounter.Unmount(target);
        Mounter.Mount([overlay.ToMount()], target);
        RunAs(Shift, "mkdir", Path.Join(target, "below"));
        Assert.That(OwnerOf(Path.Join(upper, "below")), Is.EqualTo((0, 0)), "a whiteout of the last time is replaced");
        AssertNothingTemporary();
    }

    /// <summary>The same for a detached tree.</summary>
    [Test, RequiresKernel(6, 3)]
    public void DetachedOverlayMapsIds()
    {
        OverlayMount overlay = NewMappedOverlay();
        if (!CanMapIds || RefusesToDetach(overlay.ToMount()))
            return;
        using IDetachedMount tree = Mounter.MountDetached([overlay.ToMount()]);
        Assert.That(OwnerOf(Path.Join(tree.Path, "both")), Is.EqualTo((Shift + 7, Shift + 8)));
        File.AppendAllText(Path.Join(tree.Path, "both"), "more");
        File.Delete(Path.Join(tree.Path, "below"));
        Assert.That(OwnerOf(Path.Join(overlay.UpperDirectory, "both")), Is.EqualTo((7, 8)));
        Assert.That(OwnerOf(Path.Join(overlay.UpperDirectory, "below")), Is.EqualTo((0, 0)), "the whiteout");
        tree.Dispose();
        AssertNothingTemporary();
    }

    /// <summary>Layers that lie in several mounts, or have nothing but the root above them, are mapped as others are.</summary>
    [Test, RequiresKernel(6, 3)]
    public void OverlayMapsIdsOfScatteredLayers()
    {
        string one = NewTmpfs("one"), other = NewTmpfs("two/other"), target = NewDirectory("target");
        File.WriteAllText(Path.Join(one, "first"), "");
        File.WriteAllText(Path.Join(other, "second"), "");
        ChangeOwner(Path.Join(other, "second"), 3, 3);
        var overlay = new OverlayMount { LowerDirectories = [one, other], Options = [.. Shifted] };
        if (RefusesToMap((overlay with { Options = [] }).ToMount(), target))
            return;
        Mounter.Mount([overlay.ToMount()], target);
        Assert.That(OwnerOf(Path.Join(target, "first")), Is.EqualTo((Shift, Shift)));
        Assert.That(OwnerOf(Path.Join(target, "second")), Is.EqualTo((Shift + 3, Shift + 3)));
        AssertReadOnly(target);
    }

    /// <summary>Symbolic links in the paths of layers lead where they lead without a map.</summary>
    [Test, RequiresKernel(6, 3)]
    public void OverlayMapsIdsBehindLinks()
    {
        string layers = NewTmpfs("layers"), target = NewDirectory("target");
        OverlayMount overlay = NewOverlay("layers/");
        Directory.CreateSymbolicLink(Path.Join(layers, "l"), overlay.LowerDirectories[1]);
        overlay = new OverlayMount { LowerDirectories = [overlay.LowerDirectories[0] + "/../top/", Path.Join(layers, "l")], Options = [.. Shifted] };
        if (RefusesToMap((overlay with { Options = [] }).ToMount(), target))
            return;
        Mounter.Mount([overlay.ToMount()], target);
        Assert.That(OwnerOf(Path.Join(target, "below")), Is.EqualTo((Shift, Shift)));
        Assert.That(OwnerOf(Path.Join(target, "topmost")), Is.EqualTo((Shift, Shift)));
    }

    /// <summary>A map that is none, or one without the other, is refused with the option's name.</summary>
    /// <param name="users">Users.</param>
    /// <param name="groups">Groups.</param>
    /// <param name="named">The option at fault.</param>
    [TestCase("uidmap=0:1:1", null, "gidmap")]
    [TestCase(null, "gidmap=0:1:1", "uidmap")]
    [TestCase("uidmap=0:1", "gidmap=0:1:1", "uidmap")]
    [TestCase("uidmap=0:1:1:1", "gidmap=0:1:1", "uidmap")]
    [TestCase("uidmap=0:-1:1", "gidmap=0:1:1", "uidmap")]
    [TestCase("uidmap=0:1:0", "gidmap=0:1:1", "uidmap")]
    [TestCase("uidmap=0:4294967295:1", "gidmap=0:1:1", "uidmap")]
    [TestCase("uidmap=0:1:1", "gidmap=0:1:2,1:5:1", "gidmap")]
    [TestCase("uidmap=0:1:1", "gidmap=0:1:2,5:2:1", "gidmap")]
    [TestCase("uidmap=0:1:1", "gidmap=", "gidmap")]
    [TestCase("uidmap", "gidmap=0:1:1", "uidmap")]
    [TestCase("uidmap= 0:1:1", "gidmap=0:1:1", "uidmap")]
    [TestCase("uidmap==0:1:1", "gidmap=0:1:1", "uidmap")]
    [TestCase("uidmap=0:1:1", "gidmap=0:1:4294967295,1:0:1", "gidmap")]
    [TestCase("uidmap=0:1:1", "gidmap=0:1:4294967296", "gidmap")]
    public void BadMapsAreRefused(string? users, string? groups, string named)
    {
        string target = NewDirectory("target");
        Mount bind = Mount.Bind(NewDirectory("source"));
        bind = bind with { Options = [.. bind.Options, .. new[] { users, groups }.OfType<string>()] };
        ContainerdException failure = Assert.Throws<ContainerdException>(() => Mounter.Mount([bind], target))!;
        Assert.That(failure.Kind, Is.EqualTo(CanMapIds ? ErrorKind.InvalidArgument : ErrorKind.NotSupported));
        Assert.That(failure.Message, Does.Contain(CanMapIds ? named : ""));
        Assert.That(MountsBeneath(target), Is.Empty);
    }

    /// <summary>What cannot be mapped is refused with the file system's name, and nothing stays mounted.</summary>
    [Test]
    public void FileSystemsThatCannotMapIdsAreNamed()
    {
        string target = NewDirectory("target");
        ContainerdException failure = Assert.Throws<ContainerdException>(
            () => Mounter.Mount([new Mount { Type = "bind", Source = "/proc", Options = ["bind", .. Shifted] }], target))!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.NotSupported));
        Assert.That(failure.Message, Does.Contain(CanMapIds ? "'proc'" : ""));
        Assert.That(MountsBeneath(target), Is.Empty);
    }

    private OverlayMount NewMappedOverlay()
    {
        string layers = NewTmpfs("layers");
        OverlayMount overlay = NewOverlay("layers/") with { Options = [.. Shifted] };
        ChangeOwner(Path.Join(layers, "bottom/both"), 5, 6);
        ChangeOwner(Path.Join(layers, "top/both"), 7, 8);
        return overlay;
    }

    private string NewTmpfs(string name)
    {
        string path = NewDirectory(name);
        Mounter.Mount([Tmpfs("mode=0777")], path);
        return path;
    }

    private bool RefusesToMap(Mount mount, string target)
    {
        if (CanMapIds)
            return false;
        Assert.That(KindOf(() => Mounter.Mount([mount with { Options = [.. mount.Options, .. Shifted] }], target)), Is.EqualTo(ErrorKind.NotSupported));
        return true;
    }

    private static void ChangeOwner(string path, int user, int group) => Run("chown", "-h", $"{user}:{group}", path);

    private static (int User, int Group) OwnerOf(string path)
    {
        int[] ids = [.. Run("stat", "-c", "%u %g", path).Split(' ').Select(text => int.Parse(text, null))];
        return (ids[0], ids[1]);
    }

    // As the root of a container with a user namespace does: with the IDs of its map, and no right over others.
    private void WriteAs(int id, string path) => RunAs(id, "dd", "status=none", "if=/dev/null", $"of={path}", "conv=notrunc");

    private void RunAs(int id, params string[] command)
    {
        // Others have to get this far.
        File.SetUnixFileMode(_directory, (UnixFileMode)0x1ED); // 0755
        Run("setpriv", [$"--reuid={id}", $"--regid={id}", "--clear-groups", "--inh-caps=-all", .. command]);
    }

    private static string Run(string program, params string[] arguments)
    {
        arguments[^1] = arguments[^1].Replace("/proc/self/", $"/proc/{Environment.ProcessId}/", StringComparison.Ordinal);
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string output = process.StandardOutput.ReadToEnd(), error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, $"{program} {string.Join(' ', arguments)}: {error}");
        return output.Trim();
    }
}
