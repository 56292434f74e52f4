using System.Diagnostics;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>Layers applied by root of a user namespace that knows no other owner, over mounts of the form that such a one can mount.</summary>
[RequiresRoot]
[RequiresProgram("unshare")]
public sealed class LayerUserNamespaceTests
{
    /// <summary>Devices are left out, once said; all else arrives, whiteouts and opaque directories in the form that needs no privilege (A-5, A-11).</summary>
    [Test]
    public async Task WhatIsAllowedArrives([Values("bind", "overlay")] string form)
    {
        byte[] capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]; // cap_net_bind_service+p
        using var scratch = new LayerScratch();
        foreach (string part in (string[])["lower/d", "upper", "work"])
            Directory.CreateDirectory(Path.Join(scratch.Tree, part));
        string[] output = await ApplyAsync(scratch, form, new TarBuilder()
            .CharacterDevice("null", 1, 3).Entry('4', "disk"u8, default, default, new() { Device = (7, 0) }).Fifo("fifo")
            .Directory("d", new() { Mode = 0x3FF, Pax = [("SCHILY.xattr.user.a", "1"u8.ToArray()), ("SCHILY.xattr.user.overlay.redirect", "/etc"u8.ToArray())] }).Opaque("d")
            .File("setuid", "x", new() { Mode = 0x9ED, Pax = [("SCHILY.xattr.security.capability", capability)] }).HardLink("hard", "setuid", new() { Mode = 0x9ED }).SymbolicLink("l", "d")
            .File("w").Whiteout("gone").CharacterDevice("also", 0, 0));
        Assert.That(output[0], Is.EqualTo($"applied 11 {form == "bind"}"));
        Assert.That(output[1..].Select(line => line[..4]), Is.EquivalentTo((string[])["3101", "3103"]));
        Assert.That(output, Has.One.Contains("Left out the device null"));
        string tree = form == "bind" ? scratch.Tree : Path.Join(scratch.Tree, "upper");
        string[] expected = ["d/", "p:fifo", "hard=x", "l->d", "setuid=x", "w="];
        Assert.That(
            TreeFile.ReadAll(tree).Select(file => file.ToString()).Where(file => file is not ("lower/" or "lower/d/" or "upper/" or "work/")),
            Is.EquivalentTo(form == "bind" ? expected : [.. expected, "c:also", "c:gone"]));
        Assert.That(TarFormatTests.Xattrs(Path.Join(tree, "d")), Is.EqualTo(form == "bind" ? (string[])["user.a=31"] : ["user.a=31", "user.overlay.opaque=79"]));
        Assert.That(TarFormatTests.Xattrs(Path.Join(tree, "setuid")), Has.One.StartsWith("security.capability="));
        Assert.That(TreeFile.ReadAll(tree).Single(file => file.Path == "setuid").Mode, Is.EqualTo(0x9ED));
    }

    /// <summary>An owner that the namespace does not know is refused, and the message says what to do (A-7).</summary>
    [Test]
    public async Task OwnersThatAreNotMapped([Values("file", "directory", "link", "fifo", "hard link", "whiteout")] string type)
    {
        TarEntryOptions foreign = new() { Uid = 1000 };
        TarBuilder layer = type switch
        {
            "file" => new TarBuilder().File("entry", "", foreign),
            "directory" => new TarBuilder().Directory("entry", foreign),
            "link" => new TarBuilder().SymbolicLink("entry", "x", foreign),
            "fifo" => new TarBuilder().Fifo("entry", foreign),
            "hard link" => new TarBuilder().File("f").HardLink("entry", "f", foreign),
            _ => new TarBuilder().File("lower/.wh.entry", "", foreign),
        };
        using var scratch = new LayerScratch();
        foreach (string part in (string[])["lower", "upper", "work"])
            Directory.CreateDirectory(Path.Join(scratch.Tree, part));
        string[] output = await ApplyAsync(scratch, "overlay", layer);
        Assert.That(output[0], Does.StartWith("PermissionDenied").And.Contain("1000:0").And.Contain("entry").And.Contain("subuid"));
    }

    /// <summary>What was applied over a tree is what a layer of the difference has again.</summary>
    [Test]
    public async Task DifferencesAreFound()
    {
        using var scratch = new LayerScratch();
        scratch.Shell("cd tree; mkdir -p lower/d lower/e upper work; touch lower/gone lower/d/old; printf old > lower/e/changed; printf same > lower/e/same");
        await ApplyAsync(scratch, "overlay", new TarBuilder()
            .Directory("d").Opaque("d").File("d/new", "new").Directory("e").File("e/changed", "newer").Whiteout("gone").SymbolicLink("l", "e").File("f", "f").HardLink("g", "f"));
        string file = Path.Join(scratch.Root, "difference.tar");
        await RunAsync("diff", scratch.Tree, file);
        Assert.That(
            LayerEntry.ReadAll(await File.ReadAllBytesAsync(file)).Select(entry => entry.ToString()),
            Is.EqualTo((string[])["d/", "-d/*", "d/new=new", "e/", "e/changed=newer", "f=f", "g=>f", "-gone", "l->e"]));
    }

    private static async Task<string[]> ApplyAsync(LayerScratch scratch, string form, TarBuilder layer)
    {
        string file = Path.Join(scratch.Root, "layer.tar");
        await File.WriteAllBytesAsync(file, layer.ToArray());
        return await RunAsync("apply", form, scratch.Tree, file);
    }

    private static async Task<string[]> RunAsync(params string[] arguments)
    {
        using Process child = LayerChild.StartInUserNamespace(arguments);
        Task<string> errors = child.StandardError.ReadToEndAsync();
        string output = await child.StandardOutput.ReadToEndAsync();
        await child.WaitForExitAsync();
        Assert.That(child.ExitCode, Is.Zero, await errors);
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
