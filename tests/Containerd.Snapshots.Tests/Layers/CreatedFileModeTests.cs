using System.Diagnostics;
using Containerd.Conformance;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots.Tests;

/// <summary>What a file may be, from its creation until its owner and mode are set.</summary>
[RequiresRoot]
public sealed class CreatedFileModeTests
{
    /// <summary>Nobody can open it who could not once it is done, whoever its owner and group are going to be.</summary>
    [Test]
    public void AFileIsNeverWiderThanItWillBe()
    {
        using var scratch = new LayerScratch();
        Assert.That(Interop.Files.OpenRoot(scratch.Tree, out SafeFileHandle tree).Ok);
        using (tree)
        {
            for (int mode = 0; mode <= 0xFFF; mode++)
            {
                Assert.That(Interop.Files.CreateFile(tree, "file"u8, mode, out SafeFileHandle file).Ok);
                using (file)
                {
                    Interop.Files.Status(file, out Interop.FileStatus status);
                    int everybodys = mode >> 6 & mode >> 3 & mode & 7;
                    Assert.That(status.Permissions & 0x1C0, Is.EqualTo(mode & 0x1C0), $"{mode:x3}");
                    Assert.That(status.Permissions & ~(0x1C0 | everybodys << 3 | everybodys), Is.Zero, $"{mode:x3}");
                }
                File.Delete(Path.Join(scratch.Tree, "file"));
            }
        }
    }

    [Test]
    public async Task TheUmaskPlaysNoPart([Values("000", "077", "777")] string umask)
    {
        using var scratch = new LayerScratch();
        string layer = Path.Join(scratch.Root, "layer.tar"), copy = Path.Join(scratch.Root, "copy");
        int[] modes = [0, 0x100, 0x124, 0x180, 0x1A0, 0x1A4, 0x1B6, 0x1ED, 0x1FF, 0x9ED, 0x5ED, 0x3ED, 0xFFF];
        var archive = new TarBuilder();
        foreach (int mode in modes)
            archive.File($"{mode:x3}", "x", new() { Mode = mode }).File($"{mode:x3} of another", "x", new() { Mode = mode, Uid = 1000, Gid = 1000 });
        archive.Directory("d", new() { Mode = 0x1FF }).Directory("implied/e", new() { Mode = 0x5FD });
        await File.WriteAllBytesAsync(layer, archive.ToArray());
        await EndsAsync(LayerChild.StartWithUmask(umask, "apply", "bind", scratch.Tree, layer));
        await EndsAsync(LayerChild.StartWithUmask(umask, "copy", scratch.Tree, copy));
        string[] expected =
        [
            .. modes.SelectMany(mode => (string[])[$"{mode:x3} {mode:x3} 0:0", $"{mode:x3} of another {mode:x3} 1000:1000"]),
            "d 1ff 0:0", "implied 1ed 0:0", "implied/e 5fd 0:0",
        ];
        foreach (string tree in (string[])[scratch.Tree, copy])
            Assert.That(TreeFile.ReadAll(tree).Select(file => $"{file.Path} {file.Mode:x3} {file.Uid}:{file.Gid}"), Is.EquivalentTo(expected), tree);
    }

    private static async Task EndsAsync(Process started)
    {
        using Process child = started;
        Task<string> errors = child.StandardError.ReadToEndAsync();
        await child.StandardOutput.ReadToEndAsync();
        await child.WaitForExitAsync();
        Assert.That(child.ExitCode, Is.Zero, await errors);
    }
}
