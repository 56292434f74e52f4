using System.Buffers.Binary;
using System.Globalization;

namespace Containerd.Conformance;

public abstract partial class LayerApplierConformance
{
    /// <summary>Devices have the numbers of the archive, as far as the kernel has such numbers; none is cut off .</summary>
    [Test]
    public async Task Devices()
    {
        await ApplyAsync(new TarBuilder()
            .CharacterDevice("c", 1, 3).CharacterDevice("large", 4095, 0xFFFFF)
            .Entry('4', "b"u8, default, default, new TarEntryOptions { Device = (7, 300), Mode = 0x1B0, Uid = 1 })
            .Entry('4', "zero"u8, default, default).ToArray());
        Assert.That(
            ((string[])["c", "large", "b", "zero"]).Select(name => InTree(root => Output("stat", ["-c", "%F %t:%T %a %u", Path.Join(root, name)]))),
            Is.EqualTo((string[])[
                "character special file 1:3 644 0\n", "character special file fff:fffff 644 0\n", "block special file 7:12c 660 1\n", "block special file 0:0 644 0\n"]));
        foreach ((long major, long minor) in ((long, long)[])[(4096, 0), (0, 1 << 20), (1L << 32, 3), (1, (1L << 32) + 3), (-1, 0)])
            await RefusesAsync(ErrorKind.InvalidArgument, new TarBuilder().CharacterDevice("device", major, minor));
    }

    /// <summary>Set-id bits outlive the change of the owner, capabilities that of owner and mode, also through a hard link; the umask plays no part .</summary>
    [Test]
    public async Task ModesAndCapabilities()
    {
        byte[] capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]; // cap_net_bind_service+p
        TarEntryOptions options = new() { Uid = 1000, Gid = 1001 };
        TarEntryOptions capable = options with { Mode = 0x1ED, Pax = [("SCHILY.xattr.security.capability", capability)] };
        (IReadOnlyList<TreeFile> tree, _) = await ApplyAsync(new TarBuilder()
            .File("all", "x", options with { Mode = 0xFFF }).Directory("dir", options with { Mode = 0xFFF }).File("none", "x", options with { Mode = 0 })
            .Directory("shut", options with { Mode = 0 }).File("shut/in", "x", options).Fifo("fifo", options with { Mode = 0xDB6 })
            .File("capable", "x", capable).HardLink("capable too", "capable", options with { Mode = 0x1ED }).HardLink("all too", "all", options with { Mode = 0xFFF })
            .Directory("group", options with { Mode = 0x5FF }).File("group/f", "x").Directory("group/d").File("world", "x", new() { Mode = 0x1B6 })
            .ToArray());
        Assert.That(
            tree.Select(file => string.Create(CultureInfo.InvariantCulture, $"{file.Path} {Convert.ToString(file.Mode, 8)} {file.Uid}:{file.Gid}")),
            Is.EqualTo((string[])[
                "all 7777 1000:1001", "all too 7777 1000:1001", "capable 755 1000:1001", "capable too 755 1000:1001", "dir 7777 1000:1001", "fifo 6666 1000:1001", "group 2777 1000:1001",
                "group/d 755 0:0", "group/f 644 0:0", "none 0 1000:1001", "shut 0 1000:1001", "shut/in 644 1000:1001", "world 666 0:0"]));
        Assert.That(Describe("capable"), Does.Contain("SCHILY.xattr.security.capability="));
    }

    /// <summary>A file has the mode and the owner of its entry, whichever they are, and wherever it is put .</summary>
    [Test]
    public async Task EveryMode()
    {
        (string Directory, TarEntryOptions Of)[] places =
        [
            ("plain", new() { Mode = 0x1ED }), ("of a group", new() { Mode = 0x5FF, Gid = 1001 }), ("of another", new() { Mode = 0x1C0, Uid = 1000, Gid = 1000 }),
        ];
        var layer = new TarBuilder();
        List<string> expected = [];
        foreach ((string directory, TarEntryOptions of) in places)
        {
            layer.Directory(directory, of);
            for (int mode = 0; mode <= 0xFFF; mode++)
            {
                var file = new TarEntryOptions { Mode = mode, Uid = mode % 3 == 0 ? 1000 : 0, Gid = mode % 5 == 0 ? 1001 : 0 };
                layer.File($"{directory}/{mode:x3}", "x", file);
                expected.Add($"{directory}/{mode:x3} {mode:x3} {file.Uid}:{file.Gid}");
            }
        }
        (IReadOnlyList<TreeFile> tree, _) = await ApplyAsync(layer.ToArray());
        Assert.That(
            tree.Where(file => file.Path.Contains('/', StringComparison.Ordinal)).Select(file => $"{file.Path} {file.Mode:x3} {file.Uid}:{file.Gid}"),
            Is.EquivalentTo(expected));
    }

    /// <summary>A directory that was entered through a link has the times of its own entry, whatever becomes of the link .</summary>
    /// <param name="with">What takes the link's place.</param>
    [Test]
    public async Task TimesOfDirectoriesThatLinksLedTo([Values("file", "link")] string with)
    {
        TarBuilder layer = new TarBuilder().Directory("e").SymbolicLink("s", "d").File("s/f", "1").Directory("d", new() { ModifyTime = 1_000_000_000 });
        layer = with == "file" ? layer.File("s", "now a file") : layer.SymbolicLink("s", "e");
        (IReadOnlyList<TreeFile> tree, _) = await ApplyAsync(new TarBuilder().Directory("d").ToArray(), layer.ToArray());
        Assert.That(tree.Select(file => file.ToString()), Is.EqualTo((string[])["d/", "d/f=1", "e/", with == "file" ? "s=now a file" : "s->e"]));
        Assert.That(Describe("d"), Does.Contain("1000000000"));
    }

    /// <summary>A directory that only a link led to has its times too, those of its entry or those from before, though the way to it is gone at the end .</summary>
    /// <param name="with">What takes the link's place.</param>
    [Test]
    public async Task TimesOfDirectoriesThatNothingButALinkLedTo([Values("file", "link")] string with)
    {
        TarBuilder low = new TarBuilder().Directory("d", new() { ModifyTime = 1_111_111_111 }).Directory("d/described").Directory("d/other", new() { ModifyTime = 1_111_111_112 });
        TarBuilder layer = new TarBuilder().Directory("e").SymbolicLink("s", "d").File("s/f").Directory("s/described", new() { ModifyTime = 1_222_222_222 }).File("s/described/f").File("s/other/f");
        layer = with == "file" ? layer.File("s") : layer.SymbolicLink("s", "e");
        (IReadOnlyList<TreeFile> tree, LayerApplyResult result) = await ApplyAsync(low.ToArray(), layer.ToArray());
        Assert.That(
            tree.Where(file => file.Type == 'd').Select(file => $"{file.Path} {file.ModifyTime.TrimEnd('0')}"),
            Is.EqualTo((string[])["d 1111111111.", "d/described 1222222222.", "d/other 1111111112.", "e 1000000000."]));
        Assert.That(result.DependsOnBase, Is.True);
    }

    /// <summary>Times no file can have are the epoch; the access time is never before the modification; a directory has its own whatever is put into it later .</summary>
    [Test]
    public async Task Times()
    {
        static TarEntryOptions At(string modify, string? access = null) => new()
        {
            Pax = access is null ? [("mtime", Bytes(modify))] : [("mtime", Bytes(modify)), ("atime", Bytes(access))],
        };
        byte[] layer = new TarBuilder()
            .Directory("d", At("1111.25")).Directory("d/e", At("2222.000000001")).File("d/e/f", "x", At("1.9999999999", "3333.5")).File("d/e/before", "x", At("-1.5"))
            .File("d/e/after", "x", At("9223372037")).File("d/e/last", "x", At("9223372036")).File("d/early-access", "x", At("50", "20"))
            .SymbolicLink("d/link", "e", At("4444.125")).Fifo("d/fifo", At("5555")).File("e", "x").Directory("d/e/late", At("1"))
            .Directory("d/again", At("1")).File("d/again/f").Directory("d/again", At("777")).Whiteout("nothing")
            .ToArray();
        await ApplyLayerAsync(new MemoryStream(layer), layer.Length);
        // First: reading a file changes it.
        Assert.That(
            InTree(root => Output("stat", ["-c", "%x", Path.Join(root, "d/e/f"), Path.Join(root, "d/early-access")])),
            Does.StartWith("1970-01-01 00:55:33.5").And.Contains("\n1970-01-01 00:00:50.0"));
        Assert.That(
            ReadTree().Select(file => $"{file.Path} {file.ModifyTime.TrimEnd('0')}"),
            Is.EqualTo((string[])[
                "d 1111.25", "d/again 777.", "d/again/f 1000000000.", "d/e 2222.000000001", "d/e/after 0.", "d/e/before 0.", "d/e/f 1.999999999", "d/e/last 9223372036.", "d/e/late 1.",
                "d/early-access 50.", "d/fifo 5555.", "d/link 4444.125", "e 1000000000."]));
    }

    /// <summary>Of a layer's attributes only those are set by which an image cannot claim a trust that it was not given .</summary>
    [Test]
    public async Task AttributesThatALayerMaySet()
    {
        (string, byte[])[] attributes =
        [
            ("SCHILY.xattr.user.fine", "1"u8.ToArray()), ("SCHILY.xattr.trusted.overlay.opaque", "y"u8.ToArray()), ("SCHILY.xattr.trusted.overlay.redirect", "/etc"u8.ToArray()),
            ("SCHILY.xattr.trusted.other", "y"u8.ToArray()), ("SCHILY.xattr.user.overlay.opaque", "y"u8.ToArray()), ("SCHILY.xattr.user.overlay.metacopy", "y"u8.ToArray()),
            ("SCHILY.xattr.security.selinux", "system_u"u8.ToArray()), ("SCHILY.xattr.security.ima", "x"u8.ToArray()), ("SCHILY.xattr.system.nfs4_acl", "x"u8.ToArray()),
            ("SCHILY.xattr.btrfs.compression", "no"u8.ToArray()), ("SCHILY.xattr.", "x"u8.ToArray()),
        ];
        await ApplyAsync(new TarBuilder()
            .File("f", "x", new() { Pax = attributes }).Directory("d", new() { Pax = attributes }).SymbolicLink("l", "f", new() { Pax = attributes }).Fifo("p", new() { Pax = attributes })
            .ToArray());
        foreach (string name in (string[])["f", "d", "l", "p"])
        {
            string[] found = [.. Describe(name).Split("SCHILY.xattr.")[1..].Select(text => text[..text.IndexOf('=')])];
            Assert.That(found, Is.EqualTo(name is "f" or "d" ? (string[])["user.fine"] : []), name);
        }
    }

    /// <summary>An attribute whose name holds a zero byte would be another one to the kernel.</summary>
    [Test]
    public Task AttributeNamesWithAZeroByte() => RefusesAsync(
        ErrorKind.InvalidArgument, new TarBuilder().File("f", "x", new() { Pax = [("SCHILY.xattr.user.a\0b", "1"u8.ToArray())] }));

    /// <summary>An attribute larger than the kernel keeps is refused, not cut off.</summary>
    [Test]
    public Task AttributesOfMoreThanTheKernelKeeps() => RefusesAsync(
        ErrorKind.InvalidArgument, new TarBuilder().File("f", "x", new() { Pax = [("SCHILY.xattr.user.a", new byte[(64 << 10) + 1])] }));

    /// <summary>
    /// An access ACL and a default ACL arrive; what is put into a directory with a default ACL has the rights of its entry and none besides, be it described
    /// by the layer, made on the way, or brought up from a lower layer.
    /// </summary>
    [Test]
    public async Task AccessControlLists()
    {
        byte[] access = Acl((0x01, 6, -1), (0x02, 7, 4242), (0x04, 4, -1), (0x10, 7, -1), (0x20, 0, -1));
        TarEntryOptions listed = new() { Mode = 0x1B8, Pax = [("SCHILY.xattr.system.posix_acl_access", access)] };
        TarEntryOptions inherited = new() { Pax = [("SCHILY.xattr.system.posix_acl_default", access)] };
        await ApplyAsync(new TarBuilder().Directory("low").Directory("low/plain").File("low/file").ToArray());
        await ApplyAsync(new TarBuilder()
            .File("listed", "x", listed).HardLink("listed too", "listed", listed)
            .Directory("d", inherited).File("d/f", "x").Directory("d/sub").Fifo("d/fifo").CharacterDevice("d/device", 1, 3).File("d/made/f", "x").File("d/listed", "x", listed)
            .Directory("low", inherited).File("low/plain/f").HardLink("up", "low/file").Directory("low/own", inherited)
            .ToArray());
        string[] with = ["listed", "d", "d/listed", "low", "low/own"];
        foreach (TreeFile file in ReadTree().Where(file => file.Path != "listed too")) // of which tar only says what file it is
            Assert.That(Describe(file.Path).Contains("SCHILY.acl", StringComparison.Ordinal), Is.EqualTo(with.Contains(file.Path)), file.Path);
        Assert.That(Describe("d"), Does.Contain("SCHILY.acl.default=").And.Contain("4242:rwx"));
        Assert.That(Describe("d/f"), Does.Contain(" 644 "));
    }

    // linux/posix_acl_xattr.h: a version, then tag, permissions and ID of each entry.
    private static byte[] Acl(params (ushort Tag, ushort Permissions, int Id)[] entries)
    {
        byte[] bytes = new byte[4 + (8 * entries.Length)];
        bytes[0] = 2;
        for (int i = 0; i < entries.Length; i++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(4 + (8 * i)), entries[i].Tag);
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(6 + (8 * i)), entries[i].Permissions);
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8 + (8 * i)), entries[i].Id);
        }
        return bytes;
    }
}
