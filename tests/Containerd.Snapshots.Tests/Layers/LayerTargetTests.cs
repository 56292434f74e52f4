using System.Globalization;
using System.Net.Sockets;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>Where a layer is written without mounting anything (A-12).</summary>
[RequiresRoot]
public sealed class LayerTargetTests
{
    [Test]
    public async Task OverlayMarksHaveTheFormOfTheMount([Values] bool userXattr)
    {
        using var scratch = new LayerScratch();
        string upper = Directory.CreateDirectory(Path.Join(scratch.Root, "upper")).FullName;
        var overlay = new OverlayMount
        {
            LowerDirectories = [scratch.Tree],
            UpperDirectory = upper,
            WorkDirectory = Path.Join(scratch.Root, "work"),
            Options = userXattr ? ["userxattr"] : [],
        };
        byte[] layer = new TarBuilder().Directory("d").Opaque("d").File("gone").Whiteout("w").CharacterDevice("also", 0, 0).ToArray();
        var descriptor = new Descriptor { MediaType = MediaTypes.OciLayer, Digest = Digest.Sha256(layer), Size = layer.Length };
        LayerApplyResult result = await new TarLayerApplier().ApplyAsync(descriptor, new MemoryStream(layer), [overlay.ToMount()]);
        Assert.That(TarFormatTests.Xattrs(Path.Join(upper, "d")), Is.EqualTo((string[])[$"{(userXattr ? "user" : "trusted")}.overlay.opaque=79"]));
        Assert.That(TreeFile.ReadAll(upper).Select(file => file.ToString()), Is.EqualTo((string[])["c:also", "d/", "gone=", "c:w"]));
        Assert.That(result.DependsOnBase, Is.False);
    }

    /// <summary>No archive has sockets, but a lower layer may: a hard link brings one up like any other file (A-6).</summary>
    [Test]
    public async Task HardLinkToASocketOfALowerLayer()
    {
        using var scratch = new LayerScratch();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(Path.Join(scratch.Tree, "socket")));
        File.SetUnixFileMode(Path.Join(scratch.Tree, "socket"), UnixFileMode.UserRead | UnixFileMode.OtherWrite);
        string upper = Directory.CreateDirectory(Path.Join(scratch.Root, "upper")).FullName;
        var overlay = new OverlayMount { LowerDirectories = [scratch.Tree], UpperDirectory = upper, WorkDirectory = Path.Join(scratch.Root, "work") };
        byte[] layer = new TarBuilder().HardLink("linked", "socket", new() { Mode = 0x102 }).ToArray();
        var descriptor = new Descriptor { MediaType = MediaTypes.OciLayer, Digest = Digest.Sha256(layer), Size = layer.Length };
        LayerApplyResult result = await new TarLayerApplier().ApplyAsync(descriptor, new MemoryStream(layer), [overlay.ToMount()]);
        Assert.That(TreeFile.ReadAll(upper).Select(file => $"{file} {file.Mode} {file.Links}"), Is.EqualTo((string[])["s:linked 258 2", "s:socket 258 2"]));
        Assert.That(result.DependsOnBase, Is.True);
    }

    /// <summary>Else a layer of a few bytes has the terabytes written that a sparse file beneath only claims to have.</summary>
    [Test]
    public async Task HardLinkToASparseFileOfALowerLayerKeepsItsHoles()
    {
        using var scratch = new LayerScratch();
        scratch.Shell("head -c 4096 /dev/urandom > data; truncate -s 700M tree/big; dd if=data of=tree/big bs=4096 seek=90000 conv=notrunc status=none");
        string upper = Directory.CreateDirectory(Path.Join(scratch.Root, "upper")).FullName;
        var overlay = new OverlayMount { LowerDirectories = [scratch.Tree], UpperDirectory = upper, WorkDirectory = Path.Join(scratch.Root, "work") };
        byte[] layer = new TarBuilder().HardLink("link", "big").ToArray();
        var descriptor = new Descriptor { MediaType = MediaTypes.OciLayer, Digest = Digest.Sha256(layer), Size = layer.Length };
        await new TarLayerApplier().ApplyAsync(descriptor, new MemoryStream(layer), [overlay.ToMount()]);
        Assert.That(long.Parse(scratch.Shell("du -k upper/big | cut -f1"), CultureInfo.InvariantCulture), Is.LessThan(1024));
        Assert.That(scratch.Shell("stat -c '%s %h' upper/big upper/link; cmp tree/big upper/big"), Is.EqualTo("734003200 2\n734003200 2\n"));
    }

    /// <summary>The file system has room, but not for so much with one file; to free some would not help.</summary>
    [Test]
    [RequiresProgram("mkfs.ext4")]
    public void AnAttributeThatIsTooLargeForTheFileSystem()
    {
        using FileSystemImage image = FileSystemImage.Make("ext4");
        using var scratch = new LayerScratch(image.Path);
        byte[] layer = new TarBuilder().File("d/f", "x", new() { Pax = [("SCHILY.xattr.user.large", new byte[60_000])] }).ToArray();
        ContainerdException refused = Assert.ThrowsAsync<ContainerdException>(() => scratch.ApplyAsync(layer))!;
        Assert.That(refused.Kind, Is.EqualTo(ErrorKind.ResourceExhausted), refused.Message);
        Assert.That(refused.Subject, Is.EqualTo("d/f"));
        Assert.That(refused.Message, Does.Contain("user.large").And.Contain("60000 bytes").And.Not.Contain("free space"));
    }

    [Test]
    public void MountsThatNeedAMounterAreRefusedWithoutOne()
    {
        var descriptor = new Descriptor { MediaType = MediaTypes.OciLayer, Digest = Digest.Sha256([]), Size = 0 };
        Mount mount = new() { Type = "tmpfs", Source = "tmpfs" };
        Assert.That(
            Assert.ThrowsAsync<ContainerdException>(() => new TarLayerApplier().ApplyAsync(descriptor, Stream.Null, [mount]))!.Kind,
            Is.EqualTo(ErrorKind.NotSupported));
    }
}
