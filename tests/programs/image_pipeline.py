"""torchvision: an image folder, a pipeline of transforms, and a residual network fine-tuned."""

import os
import tempfile

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import nn, optim
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
TRANSFORMS = {
    "train": transforms.Compose(
        [
            transforms.RandomResizedCrop(32, scale=(0.8, 1.0)),
            transforms.RandomHorizontalFlip(),
            transforms.ColorJitter(brightness=0.1, contrast=0.1),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    ),
    "val": transforms.Compose(
        [
            transforms.Resize(36),
            transforms.CenterCrop(32),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    ),
}


def write_images(root):
    rng = np.random.default_rng(0)
    for phase, count in (("train", 24), ("val", 8)):
        for kind, channel in (("blue", 2), ("red", 0)):
            folder = os.path.join(root, phase, kind)
            os.makedirs(folder)
            for i in range(count):
                image = rng.integers(0, 100, (40, 48, 3), dtype=np.uint8)
                image[..., channel] += 120
                Image.fromarray(image).save(os.path.join(folder, f"{i:03d}.png"))


def main():
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as root:
        write_images(root)
        sets = {p: datasets.ImageFolder(os.path.join(root, p), TRANSFORMS[p]) for p in TRANSFORMS}
        loaders = {p: DataLoader(sets[p], batch_size=8, shuffle=p == "train") for p in sets}
        assert sets["train"].classes == ["blue", "red"] and len(sets["train"]) == 48
        model = models.resnet18(weights=None)
        for parameter in model.layer1.parameters():
            parameter.requires_grad = False
        model.fc = nn.Linear(model.fc.in_features, 2)
        trained = filter(lambda p: p.requires_grad, model.parameters())
        optimizer = optim.SGD(trained, lr=0.001, momentum=0.9)
        criterion = nn.CrossEntropyLoss()
        before = {name: value.clone() for name, value in model.named_parameters()}
        for epoch in range(2):
            for phase in ("train", "val"):
                model.train(phase == "train")
                running_loss, running_corrects = 0.0, 0
                for inputs, labels in loaders[phase]:
                    optimizer.zero_grad()
                    with torch.set_grad_enabled(phase == "train"):
                        outputs = model(inputs)
                        _, preds = torch.max(outputs, 1)
                        loss = criterion(outputs, labels)
                        if phase == "train":
                            loss.backward()
                            optimizer.step()
                    running_loss += loss.item() * inputs.size(0)
                    running_corrects += torch.sum(preds == labels.data)
                accuracy = running_corrects.double() / len(sets[phase])
                mean_loss = running_loss / len(sets[phase])
                print(f"{epoch} {phase} Loss: {mean_loss:.4f} Acc: {accuracy:.4f}")
        assert accuracy >= 0.9, accuracy
        for name, value in model.named_parameters():
            assert torch.equal(value, before[name]) == name.startswith("layer1."), name
        grid = torchvision.utils.make_grid(inputs[:4], nrow=2, normalize=True)
        assert grid.shape == (3, 70, 70) and 0 <= grid.min() and grid.max() <= 1


if __name__ == "__main__":
    main()
